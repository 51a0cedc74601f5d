"""Client connections: how long they live (docs/linkerd1.md section 2.5), and what HTTP/1.0 peers get."""

import time

import trio

from tests.testing.backend import backend, response
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import config, inet, routing


def session(**times):
    """Servers whose connections have these time limits."""
    return [{"port": 0, "serverSession": times}]


async def closes(router):
    """How the connections of the server have ended."""
    metrics = await router.metrics("rt/out/server")
    return {name.rpartition("/")[2]: count for name, count in metrics.items() if name.endswith("closes")}


async def test_an_idle_client_is_closed():
    async with backend() as service:
        servers = session(idleTimeMs=200)
        async with routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
            never, http = await router.connect(), await router.connect()
            for _ in range(4):  # busy for longer than that
                assert (await http.ask()).status == 200
            started = time.monotonic()
            assert await http.peer.rest() == b""
            assert 0.15 < time.monotonic() - started < 1.0
            assert await never.peer.rest() == b""
            await until(lambda: router.connections() == 0)
            assert await closes(router) == {"closes": 2, "idle_closes": 2, "lifetime_closes": 0}


async def test_a_client_connection_has_a_life_time():
    async with backend() as service:
        servers = session(lifeTimeMs=300)
        async with routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
            http = await router.connect()
            await http.ask()
            started = time.monotonic()
            assert await http.peer.rest() == b""
            assert 0.1 < time.monotonic() - started < 1.0
            await until(lambda: router.connections() == 0)
            assert await closes(router) == {"closes": 1, "idle_closes": 0, "lifetime_closes": 1}


async def test_a_client_that_is_never_idle_is_closed_at_the_end_of_its_life_too():
    async with backend() as service:
        servers = session(lifeTimeMs=200)
        async with routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
            http = await router.connect()
            deadline = time.monotonic() + 3
            while (await http.ask())["connection"] != "close":
                assert time.monotonic() < deadline
                await trio.sleep(0.005)
            assert await http.peer.rest() == b""
            assert deadline - time.monotonic() > 2
            await until(lambda: router.connections() == 0)
            assert await closes(router) == {"closes": 1, "idle_closes": 0, "lifetime_closes": 1}


async def test_a_1_0_client_gets_no_chunks():
    async def respond(_got):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        service.respond = respond
        peer = await client(router.port)
        await peer.send(b"GET / HTTP/1.0\r\nHost: hello\r\n\r\n")
        whole = await peer.rest()
        assert whole.endswith(b"\r\n\r\nabcdef")
        assert b"chunked" not in whole
        assert service.got[0].line == "GET / HTTP/1.0"


async def test_a_1_0_client_may_keep_its_connection():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        http = await router.connect()
        for _ in range(3):
            answer = await http.ask(minor=0, fields=[("Connection", "keep-alive")])
            assert (answer.text, answer["connection"]) == ("hello", "keep-alive")
        await http.close()


async def test_a_1_0_endpoint_without_a_length():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\n")
        for piece in (b"all ", b"that ", b"there is"):
            await peer.send(piece)

    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        http = await router.connect()
        for _ in range(3):
            assert (await http.ask()).body == b"all that there is"
        await http.close()


async def test_responses_without_a_body_leave_the_connection_in_step():
    async def respond(got):
        match got.target:
            case "/204":
                return b"HTTP/1.1 204 No Content\r\n\r\n"
            case "/304":
                return b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
            case "/head":
                return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        return response(got.target)

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        service.respond = respond
        http = await router.connect()
        for _ in range(3):
            assert (await http.ask(target="/204")).status == 204
            assert (await http.ask(target="/304"))["content-length"] == "5"
            assert (await http.ask(target="/head", method="HEAD"))["content-length"] == "5"
            assert (await http.ask(target="/next")).text == "/next"
        assert service.accepted == 1
        await http.close()
