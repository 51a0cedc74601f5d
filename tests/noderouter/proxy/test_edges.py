"""Who calls whom, counted by whole routers: connections, names, failures, flows."""

from noderouter.telemetry.edges import Edge
from tests.noderouter.proxy.capture.test_connection import VIP, capturing, dialled, from_elsewhere, shouts
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import Running, config, inet, routing


async def by_target(peer: Peer) -> None:
    """Answers 503 to /bad, stops within the answer to /cut, and is well otherwise."""
    while await peer.more():
        head = await peer.head()
        if b" /cut " in head:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel")
            return
        status = b"503 Unavailable" if b" /bad " in head else b"200 OK"
        await peer.send(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)


def edges(router: Running) -> dict[tuple[str, str], tuple[int, int]]:
    found: list[Edge] = list(router.app.worker.edges("out"))
    return {(edge.source, edge.name.show()): (edge.requests, edge.failures) for edge in found}


def dtab_to(port: int) -> str:
    return f"/svc/a => {inet(port)}; /svc/b => {inet(port)}"


def users(router: Running) -> int:
    return sum(edge.users for edge in router.app.worker.edges("out"))


async def test_requests_are_counted_by_address_and_name() -> None:
    async with (
        origin(by_target) as server,
        routing(config(f"/svc/a => {inet(server.port)}; /svc/b => {inet(server.port)}")) as router,
    ):
        http = await router.connect()
        for host in ("a", "a", "b", "a", "nobody"):
            await http.ask(host)
        assert (await http.ask("a", "/bad")).status == 503
        await http.ask(None, minor=0)  # without a name
        assert edges(router) == {
            ("127.0.0.1", "/svc/a"): (4, 1),
            ("127.0.0.1", "/svc/b"): (1, 0),
            ("127.0.0.1", "/svc/nobody"): (1, 1),
        }
        await http.close()
        await until(lambda: users(router) == 0)


async def test_a_response_that_is_cut_off_is_a_failure() -> None:
    async with origin(by_target) as server, routing(config(f"/svc/a => {inet(server.port)}")) as router:
        http = await router.connect()
        await http.send("a", "/cut")
        await until(lambda: edges(router) == {("127.0.0.1", "/svc/a"): (1, 1)})
        await until(lambda: users(router) == 0)
        await http.close()


async def test_a_flow_is_counted_when_it_is_through() -> None:
    async with (
        origin(shouts) as server,
        capturing(f"/svc/pg.prod:5432 => {inet(server.port)}; /svc/mail.prod:25 => /$/inet/127.0.0.1/1") as router,
    ):
        with dialled(VIP, 5432), from_elsewhere():
            peer = await client(router.port)
            await peer.send(b"hello")
            await until(lambda: edges(router) == {("127.0.0.1", "/svc/pg.prod:5432"): (1, 0)})
            await peer.stream.aclose()
        with dialled(VIP, 25), from_elsewhere():
            peer = await client(router.port)
            await until(lambda: edges(router).get(("127.0.0.1", "/svc/mail.prod:25")) == (1, 1))
            await peer.stream.aclose()
        assert users(router) == 0


async def test_a_name_that_is_too_long_to_be_bound_is_no_label() -> None:
    async with routing(config("/svc => /$/nil", identifier={"kind": "io.l5d.path"})) as router:
        http = await router.connect()
        for n in range(3):
            assert (await http.ask("a", f"/{n}{'x' * 10000}")).status == 400
        await http.close()
        assert edges(router) == {("127.0.0.1", "/other"): (3, 3)}
