"""After storms of bad clients and bad endpoints nothing is left: descriptors, tasks, clients, metrics."""

import gc
import random
from contextlib import asynccontextmanager

import pytest
import trio

from noderouter.core.exchange import Exchange
from noderouter.proxy.http1 import server as server_side
from noderouter.proxy.http1.server import ServerConnection
from noderouter.reactor.wire import Wire
from tests.testing.backend import backend
from tests.testing.busy import BUSY_SECONDS, PATIENCE_SECONDS
from tests.testing.load import load
from tests.testing.loop import descriptors, until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import config, inet, routing


@pytest.fixture(autouse=True)
def _short_times(monkeypatch):
    """So that what is to end by itself does it within the test."""
    monkeypatch.setattr(server_side, "LINGER_SECONDS", 0.2)


@asynccontextmanager
async def nothing_left(router):
    """At the end everything is as it was at the start."""

    def state():
        tasks = sorted(str(task.name).partition(" ")[0] for task in router.app.worker.reactor.tasks)
        (pool,) = [client.pool_stats for client in router.router().clients]
        return tasks, descriptors(), pool.connections, pool.waiters, router.connections()

    await router.admin("/admin/ping")  # the administrative server has all its descriptors, too
    before = None
    while before != (before := state()):
        await trio.sleep(0.3)
    yield
    with trio.move_on_after(8):
        while state() != before:
            await trio.sleep(0.01)
    assert state() == before
    metrics = await router.metrics("rt/out")
    assert {name: value for name, value in metrics.items() if name.endswith("pending") and value} == {}
    assert metrics["client" + next(iter(router.router().clients)).id.show() + "/loadbalancer/load"] == 0


POOL = {"hostConnectionPool": {"idleTimeMs": 100}}


async def test_storms_of_clients_that_misbehave():
    rng = random.Random(1)

    async def misbehave(port, number):
        peer = await client(port)
        try:
            match number % 8:
                case 0:  # connects and resets
                    peer.abort()
                    return
                case 1:  # half a head, then closes
                    await peer.send(b"GET / HTTP/1.1\r\nHo")
                case 2:  # a request, and resets before the answer
                    await peer.send(b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n")
                    peer.abort()
                    return
                case 3:  # half a body, then resets
                    await peer.send(b"POST / HTTP/1.1\r\nHost: hello\r\nContent-Length: 100000\r\n\r\nabc")
                    await trio.sleep(rng.random() / 100)
                    peer.abort()
                    return
                case 4:  # half a chunked body, then closes
                    await peer.send(b"POST / HTTP/1.1\r\nHost: hello\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
                    await trio.sleep(rng.random() / 100)
                case 5:  # half-closes behind a request
                    await peer.send(b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n")
                    await peer.finish()
                    await peer.rest()
                    return
                case 6:  # nonsense
                    await peer.send(rng.randbytes(100))
                    await peer.rest()
                    return
                case 7:  # pipelines, reads one answer, resets
                    await peer.send(b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n" * 20)
                    await peer.head()
                    peer.abort()
                    return
            await peer.close()
        except (trio.BrokenResourceError, trio.ClosedResourceError, AssertionError):
            await trio.aclose_forcefully(peer.stream)  # the router was quicker

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", client=POOL)) as router:
        await router.ask()
        async with nothing_left(router), load(router.port, clients=2) as seen:
            for _ in range(5):
                async with trio.open_nursery() as nursery:
                    for number in range(48):
                        nursery.start_soon(misbehave, router.port, number)
            await seen.more(20)
        assert seen.failed == 0


async def test_storms_of_endpoints_that_misbehave():
    count = 0

    async def script(peer: Peer) -> None:
        nonlocal count
        while await peer.more():
            await peer.head()
            count += 1
            match count % 7:
                case 0:
                    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                case 1:  # resets instead of an answer
                    peer.abort()
                    return
                case 2:  # closes instead of an answer
                    return
                case 3:  # half a body
                    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                    return
                case 4:  # a broken chunk
                    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                    return
                case 5:  # nonsense
                    await peer.send(b"nonsense\r\n\r\n")
                case 6:  # more than it said
                    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more")

    async def one(port):
        peer = await client(port)
        try:
            for _ in range(10):
                await peer.send(b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n")
                await peer.head()
            await peer.close()
        except (trio.BrokenResourceError, AssertionError):
            await trio.aclose_forcefully(peer.stream)

    async with origin(script) as server:
        pool = POOL | {"failureAccrual": {"kind": "none"}}
        async with routing(config(f"/svc => {inet(server.port)}", client=pool)) as router:
            await router.ask()
            (pooled,) = router.router().clients
            await until(lambda: pooled.pool_stats.connections == 0)
            async with nothing_left(router):
                for _ in range(5):
                    async with trio.open_nursery() as nursery:
                        for _ in range(30):
                            nursery.start_soon(one, router.port)


async def test_names_and_clients_that_are_not_used_any_more_leave_nothing(tmp_path):
    async with backend() as service:
        configuration = config(
            f"/svc => {inet(service.port)} ; /svc/gone => /$/io.buoyant.rinet/{service.port}/127.0.0.1",
            bindingCache={"idleTtlSecs": 1},
        )
        async with routing(configuration) as router:
            http = await router.connect()
            for number in range(50):
                assert (await http.ask(f"name{number}")).status == 200
            assert (await http.ask("gone")).status == 200
            assert len(router.router().names) == 51
            assert len(router.router().clients) == 2
            await until(lambda: not len(router.router().names) and not len(router.router().clients), 4.0 + BUSY_SECONDS)
            metrics = await router.metrics("rt/out")
            assert [name for name in metrics if name.startswith(("service", "client"))] == []
            await until(lambda: service.open == 0)
            assert (await http.ask("name1")).status == 200  # and comes back
            metrics = await router.metrics("rt/out/service/svc/name1")
            assert metrics["requests"] == 1
            await http.close()


def services(metrics):
    return {name.split("/")[1] for name in metrics}


async def test_a_name_that_leaves_the_cache_while_its_request_waits_leaks_nothing():
    """Its retry binds it once more, for itself alone."""
    async with backend() as service:
        release = trio.Event()

        async def respond(got):
            if got["host"] != "slow" or len(service.got) > 5:
                return await service.say_name(got)
            await release.wait()
            return b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"

        service.respond = respond
        configuration = config(
            f"/svc/slow => /$/inet/127.0.0.1/{service.port} ; /svc/other => /$/inet/localhost/{service.port}",
            bindingCache={"paths": 1, "idleTtlSecs": 600},
            service={"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}},
        )
        async with routing(configuration) as router:
            slow = await router.connect()
            await slow.send("slow")
            await until(lambda: service.got)
            names = router.router().names
            with trio.fail_after(PATIENCE_SECONDS):
                while names.evicts == 0:  # a name that was used since the last sweep is not evicted
                    assert (await router.ask("other")).status == 200
                    await trio.sleep(0.05)
            release.set()
            while len(service.got) < 6:
                await router.ask("other")
            assert (await slow.answer()).text == "hello"
            await slow.close()
            await until(lambda: len(router.router().clients) == 1, 3.0 + BUSY_SECONDS)
            with trio.fail_after(PATIENCE_SECONDS):
                while services(await router.metrics("rt/out/service")) != {"other"}:
                    await router.ask("other")  # where it has lost its place in the cache to the retry, it gets it back
                    await trio.sleep(0.05)


async def test_a_client_that_has_gone_leaves_nothing_to_the_collector():
    """With the collector off, so that a circle would stay: those that are old would otherwise be set aside with it."""

    def alive():
        return sum(isinstance(each, ServerConnection | Exchange | Wire) for each in gc.get_objects())

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        endings = {b"connection: close\r\n\r\n": True, b"\r\nGET / HTT": True, b"\r\n\0": True}
        endings[b"content-length: 9\r\n\r\nx"] = False
        await router.answers(200)
        gc.collect()
        before = alive()
        gc.disable()
        try:
            for ending, answered in [*endings.items()] * 5:
                stream = await trio.open_tcp_stream("127.0.0.1", router.port)
                await stream.send_all(b"GET / HTTP/1.1\r\nhost: hello\r\n" + ending)
                if answered:
                    await stream.receive_some(1)
                await stream.aclose()
            await until(lambda: router.connections() == 0)
            await until(lambda: alive() <= before)
        finally:
            gc.enable()
