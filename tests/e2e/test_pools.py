"""Connections to endpoints, and what becomes of them when clients leave.

See docs/linkerd1.md section 4.6, and docs/lessons.md entries 31 and 32.
"""

import time

import pytest
import trio
import trio.testing

from tests.testing.backend import backend, response
from tests.testing.busy import BUSY_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import config, inet, routing


def gated():
    """An answer that waits, and what lets it go."""
    release = trio.Event()

    async def respond(_got):
        await release.wait()
        return response("late")

    return respond, release


async def test_one_connection_serves_many_clients_one_after_the_other():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        for _ in range(10):
            assert (await router.ask()).status == 200
        assert service.accepted == 1
        metrics = await router.metrics(f"rt/out/client{inet(service.port)}")
        assert (metrics["connects"], metrics["connections"], metrics["pool_size"]) == (1, 1, 1)


async def test_bytes_and_lives_of_connections_are_counted():
    async def respond(got):
        return response("x" * 1000)

    async with backend() as service:
        service.respond = respond
        configuration = config(f"/svc => {inet(service.port)}", client={"hostConnectionPool": {"idleTimeMs": 50}})
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(3):
                assert (await http.ask(method="POST", body=b"y" * 100)).status == 200
            await until(lambda: service.open == 0)
            for _ in router.app.metrics.turn(ends_windows=True):
                pass
            metrics = await router.metrics(f"rt/out/client{inet(service.port)}")
            assert 3 * 100 < metrics["sent_bytes"] < 3 * 1000
            assert 3 * 1000 < metrics["received_bytes"] < 3 * 2000
            assert metrics["connect_latency_ms.count"] == 1
            assert (metrics["connection_requests.count"], metrics["connection_requests.max"]) == (1, 3)
            assert metrics["connection_duration.min"] >= 50
            assert "failed_connect_latency_ms.count" not in metrics
            assert (metrics["available"], metrics["loadbalancer/updates"]) == (1, 1)
            server = await router.metrics("rt/out/server")
            assert [value for name, value in server.items() if name.endswith("/load")] == [0]
            await http.close()


async def test_bytes_of_a_tunnel_are_counted_when_it_is_over():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + b"e" * 1000)
        await peer.send(await peer.exactly(50_000))

    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        http = await router.connect()
        assert (await http.ask(fields=[("Connection", "Upgrade"), ("Upgrade", "x")])).status == 101
        await http.peer.send(b"a" * 50_000)
        assert (await http.peer.exactly(51_000)).endswith(b"a" * 50_000)
        await http.close()
        await until(lambda: router.connections() == 0)
        (used,) = router.router().clients
        await until(lambda: used.pool_stats.connections == 0)
        metrics = await router.metrics(f"rt/out/client{inet(server.port)}")
        assert 50_000 < metrics["sent_bytes"] < 51_000
        assert 51_000 < metrics["received_bytes"] < 51_500


async def test_names_that_lead_to_one_client_share_its_connections():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        http = await router.connect()
        for number in range(20):
            assert (await http.ask(f"name{number}")).status == 200
        assert service.accepted == 1
        assert len(router.router().clients) == 1
        await http.close()


async def test_requests_at_a_time_have_a_connection_each():
    async with backend() as service:
        service.respond, release = gated()
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            clients = [await router.connect() for _ in range(5)]
            for http in clients:
                await http.send()
            await until(lambda: service.open == 5)
            release.set()
            for http in clients:
                assert (await http.answer()).text == "late"
                await http.close()
            assert service.open == 5  # they are kept


async def test_idle_connections_close_by_default_after_three_seconds():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        await router.ask()
        started = time.monotonic()
        await until(lambda: service.open == 0)
        assert 2.5 < time.monotonic() - started < 4.2


async def test_the_idle_time_can_be_set_and_connections_kept():
    async with backend() as service:
        pool = {"hostConnectionPool": {"idleTimeMs": 100, "minSize": 1}}
        service.respond, release = gated()
        async with routing(config(f"/svc => {inet(service.port)}", client=pool)) as router:
            clients = [await router.connect() for _ in range(4)]
            for http in clients:
                await http.send()
            await until(lambda: service.open == 4)
            release.set()
            for http in clients:
                await http.answer()
                await http.close()
            await until(lambda: service.open == 1, 2.0 + BUSY_SECONDS)
            await trio.sleep(0.7)
            assert service.open == 1


async def test_connections_have_a_life_time():
    async with backend() as service:
        session = {"clientSession": {"lifeTimeMs": 100}}
        async with routing(config(f"/svc => {inet(service.port)}", client=session)) as router:
            http = await router.connect()
            deadline = time.monotonic() + 0.4
            while time.monotonic() < deadline:
                assert (await http.ask()).status == 200
            assert 3 <= service.accepted <= 8
            await http.close()


async def test_a_full_pool_makes_requests_wait():
    async with backend() as service:
        service.respond, release = gated()
        pool = {"hostConnectionPool": {"maxSize": 2}}
        async with routing(config(f"/svc => {inet(service.port)}", client=pool)) as router:
            clients = [await router.connect() for _ in range(6)]
            for http in clients:
                await http.send()
            (pooled,) = await until_clients(router)
            await until(lambda: pooled.pool_stats.waiters == 4)
            assert service.open == 2
            release.set()
            for http in clients:
                assert (await http.answer()).status == 200
                await http.close()
            assert service.accepted == 2


async def test_too_many_waiters_are_turned_away():
    async with backend() as service:
        service.respond, release = gated()
        pool = {"hostConnectionPool": {"maxSize": 1, "maxWaiters": 1}}
        async with routing(config(f"/svc => {inet(service.port)}", client=pool)) as router:
            clients = [await router.connect() for _ in range(2)]
            for http in clients:
                await http.send()
            (pooled,) = await until_clients(router)
            await until(lambda: pooled.pool_stats.waiters == 1)
            answer = await router.ask(seconds=1)
            assert answer.status == 503
            assert answer["l5d-retryable"] == "true"
            release.set()
            for http in clients:
                assert (await http.answer()).status == 200
                await http.close()


async def until_clients(router):
    """The clients of the router, once there are any."""
    await until(lambda: len(router.router().clients))
    return list(router.router().clients)


async def test_a_client_that_waits_for_a_connection_may_leave():
    async with backend() as service:
        service.respond, release = gated()
        pool = {"hostConnectionPool": {"maxSize": 1}}
        async with routing(config(f"/svc => {inet(service.port)}", client=pool)) as router:
            first, second, third = [await router.connect() for _ in range(3)]
            await first.send()
            (pooled,) = await until_clients(router)
            await second.send()
            await until(lambda: pooled.pool_stats.waiters == 1)
            await third.send()
            await until(lambda: pooled.pool_stats.waiters == 2)
            second.peer.abort()
            await until(lambda: pooled.pool_stats.waiters == 1)
            release.set()
            assert (await first.answer()).status == 200
            assert (await third.answer()).status == 200
            await first.close()
            await third.close()


async def test_an_endpoint_that_closes_when_idle_costs_nothing():
    """Whatever the method: a connection that was closed is seen before it is used."""

    async def once(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with origin(once) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        http = await router.connect()
        for number in range(10):
            assert (await http.ask(method="POST", body=b"")).status == 200
            (pooled,) = router.router().clients
            await until(lambda: pooled.pool_stats.connections == 0)
            assert len(server.peers) == number + 1
        await http.close()


async def test_unasked_words_of_an_endpoint_are_nobodys_response():
    async def chatty(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    async with origin(chatty) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        http = await router.connect()
        for _ in range(10):
            assert (await http.ask()).text == "ok"
            await trio.sleep(0.005)
        assert len(server.peers) >= 2
        await http.close()


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_client_that_leaves_ends_the_request_upstream(monkeypatch, how):
    async with backend() as service:
        service.respond, _ = gated()
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            http = await router.connect()
            await http.send()
            await until(lambda: service.open == 1)
            if how == "reset":
                http.peer.abort()
            else:
                await http.close()
            await until(lambda: service.open == 0, 2.0 + BUSY_SECONDS)
            await until(lambda: router.connections() == 0, 2.0 + BUSY_SECONDS)
            metrics = await router.metrics("rt/out/server")
            assert [value for name, value in metrics.items() if name.endswith("/pending")] == [0]


@pytest.mark.parametrize(
    "body", [b"", b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"]
)
async def test_a_client_that_leaves_together_with_its_request_is_noticed_too(monkeypatch, body):
    async with backend() as service:
        service.respond, _ = gated()
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            for _ in range(5):
                peer = await client(router.port)
                await peer.send(b"POST / HTTP/1.1\r\nHost: hello\r\n" + (body or b"\r\n"))
                await peer.close()
            await until(lambda: len(service.got) == 5)
            await until(lambda: service.open == 0, 2.0 + BUSY_SECONDS)
            await until(lambda: router.connections() == 0, 2.0 + BUSY_SECONDS)


async def test_a_slow_client_stops_only_itself():
    block = b"x" * 65536

    async def endless(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            await peer.send(block)

    async with origin(endless) as big, backend() as service:
        dtab = f"/svc/big => {inet(big.port)} ; /svc/hello => {inet(service.port)}"
        async with routing(config(dtab)) as router:
            slow = [await router.connect() for _ in range(10)]
            for http in slow:
                await http.send("big")  # and reads nothing
            other = await router.connect()
            for _ in range(50):
                assert (await other.ask(seconds=1)).status == 200
            for http in slow:
                http.peer.abort()
            await until(lambda: router.connections() == 1)
            await other.close()


async def test_a_client_that_leaves_together_with_the_end_of_its_body_is_noticed_too(monkeypatch):
    async with backend() as service:
        service.respond, _ = gated()
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            peer = await client(router.port)
            await peer.send(b"POST / HTTP/1.1\r\nHost: hello\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            await until(lambda: service.accepted)
            await trio.testing.wait_all_tasks_blocked(0.01)
            sock = peer.stream.socket._sock  # both in one event: nothing else runs in between
            sock.send(b"0\r\n\r\n")
            sock.shutdown(1)
            await until(lambda: service.got)
            await until(lambda: service.open == 0, 2.0 + BUSY_SECONDS)
            await until(lambda: router.connections() == 0, 2.0 + BUSY_SECONDS)
            await peer.close()
