"""Nobody fills the router: idle clients make room, new names have a rate, and under overload the newest is refused."""

import resource
import socket
import time
from contextlib import suppress

import pytest
import trio

from noderouter.naming.dns.query import SystemQuery
from noderouter.overload import guard as guard_module
from noderouter.overload import pressure as pressure_module
from noderouter.reactor.task import reschedule
from tests.testing.backend import backend
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import Http, connect
from tests.testing.loop import until
from tests.testing.origin import Peer, client
from tests.testing.router import config, inet, process, routing


def few():
    """Let this process open few descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


async def served(port, seconds=PATIENCE_SECONDS):
    """Connect until somebody answers."""
    with trio.fail_after(seconds):
        while True:
            try:
                http = await connect(port)
            except OSError:
                continue  # refused
            with suppress(AssertionError, trio.BrokenResourceError):
                answer = await http.ask(seconds=seconds)
                await http.close()
                return answer.status
            await trio.aclose_forcefully(http.peer.stream)
            await trio.sleep(0.02)


@pytest.mark.parametrize("server", [{}, {"maxConnectionsPerClient": 1000}], ids=["of one address", "of everybody"])
async def test_idle_clients_lock_nobody_out(tmp_path, server):
    async with backend() as service:
        made = config(f"/svc => {inet(service.port)}", servers=[{"port": 0} | server])
        async with process(made, tmp_path, prepare=few) as router:
            (port,), _ = await router.ports()
            idle = []
            for _ in range(100):
                with suppress(OSError):  # refused: it holds as many as it may
                    idle.append(await client(port))
            assert len(idle) >= 32
            for _ in range(3):
                assert await served(port) == 200
            for peer in idle:
                await trio.aclose_forcefully(peer.stream)


async def from_address(host, port):
    """A connection from an address of this host."""
    sock = trio.socket.socket()
    await sock.bind((host, 0))
    await sock.connect(("127.0.0.1", port))
    peer = Peer(trio.SocketStream(sock))
    peer.is_client = True
    return Http(peer)


async def test_one_client_binds_so_many_new_names_a_second_and_no_more():
    async with backend() as service:
        limits = {"bindingsPerSecond": 1, "bindingBurst": 5}
        made = config(f"/svc => {inet(service.port)}") | {"overload": limits}
        async with routing(made) as router:
            http, other = await router.connect(), await from_address("127.0.0.2", router.port)
            answers = [await http.ask(f"name{number}") for number in range(20)]
            good = [answer.status for answer in answers].count(200)
            assert 5 <= good < 10
            refused = next(answer for answer in answers if answer.status != 200)
            assert (refused.status, refused["l5d-retryable"]) == (503, "true")
            assert "new names" in refused.text
            assert (await http.ask("name0")).status == 200, "what is bound is not affected"
            override = await http.ask("name0", fields=[("l5d-dtab", "/svc/x=>/svc/y")])
            assert override.status == 503, "an override is a binding, too"
            assert (await other.ask("name-of-another")).status == 200
            metrics = await router.metrics("overload")
            assert metrics["bindings_refused"] == 20 - good + 1
            assert metrics["binding_clients"] == 2
            assert len(router.router().names) == good + 1
            await http.close()
            await other.close()


async def test_dead_names_of_one_client_keep_the_new_names_of_another_waiting_for_nothing(monkeypatch):
    async def ask(_, name):
        if name.endswith(".dead"):
            await trio.sleep_forever()
        return frozenset({"127.0.0.1"})

    monkeypatch.setattr(SystemQuery, "__call__", ask)
    async with backend() as service:
        rules = {"allow": [f"127.0.0.1:{service.port}"]}
        made = config(f"/svc => /$/io.buoyant.rinet/{service.port}", destinations=rules)
        async with routing(made) as router:
            asking = [await from_address("127.0.0.2", router.port) for _ in range(30)]
            other = await from_address("127.0.0.3", router.port)
            async with trio.open_nursery() as nursery:
                for number, http in enumerate(asking):
                    nursery.start_soon(http.ask, f"x.zone{number}.dead")
                while (await router.metrics("dns"))["waiting"] < 26:
                    await trio.sleep(0.01)
                with trio.move_on_after(1) as patience:  # places are given back after two
                    assert (await other.ask("web.shop")).status == 200
                nursery.cancel_scope.cancel()
            for http in [*asking, other]:
                await trio.aclose_forcefully(http.peer.stream)
            assert not patience.cancelled_caught


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(guard_module, "SAMPLE_SECONDS", 0.01)
    monkeypatch.setattr(pressure_module, "LASTS_SECONDS", 0.1)


async def test_while_memory_is_short_new_requests_are_refused(quick, monkeypatch):
    resident = [10]
    monkeypatch.setattr(guard_module, "resident_bytes", lambda: resident[0] * 2**20)
    async with backend() as service:
        release = trio.Event()

        async def respond(got):
            if got["host"] == "slow":
                await release.wait()
            return await service.say_name(got)

        service.respond = respond
        made = config(f"/svc => {inet(service.port)}") | {"overload": {"maxMemoryMB": 100}}
        async with routing(made) as router:
            slow, http, idle = [await router.connect() for _ in range(3)]
            await slow.send("slow")
            assert (await http.ask()).status == 200
            assert (await idle.ask()).status == 200
            names = len(router.router().names)
            resident[0] = 91
            await until(lambda: router.app.worker.guard.words() != "none")
            answer = await http.ask()
            assert (answer.status, answer["l5d-retryable"]) == (503, "true")
            assert "memory is short" in answer.text
            assert (
                "overload: all new requests are refused: memory is short\n"
                in (await router.admin("/readyz?verbose")).text
            )
            assert list(router.app.control.not_ready()) == ["it refuses all new requests: memory is short"]
            await until(lambda: router.app.worker.guard.places.evicted)
            assert await idle.peer.rest() == b"", "who is idle is let go"
            await until(lambda: len(router.router().names) < names + 1)
            release.set()
            assert (await slow.answer()).status == 200, "what was in progress goes on"
            resident[0] = 85
            assert (await router.ask()).status == 503
            resident[0] = 79
            await router.answers(200)
            metrics = await router.metrics("overload")
            assert (metrics["shedding"], metrics["begins"]) == (0, 1)
            assert metrics["shed_requests"] >= 2
            assert metrics["memory_limit_bytes"] == 100 * 2**20
            events = [event["event"] for event in router.events if event["event"].startswith("overload")]
            assert events == ["overload.began", "overload.ended"]
            await trio.aclose_forcefully(slow.peer.stream)
            await trio.aclose_forcefully(http.peer.stream)


async def test_lag_sheds_a_share_and_others_are_served(quick):
    async with backend() as service:
        limits = {"lagHighMs": 15, "lagLowMs": 10}
        made = config(f"/svc => {inet(service.port)}") | {"overload": limits}
        async with routing(made) as router:
            http = await router.connect()
            assert (await http.ask()).status == 200
            stop = False

            async def hog():
                while not stop:
                    time.sleep(0.02)
                    await reschedule()

            router.app.worker.reactor.spawn(hog(), "hog")
            await until(lambda: router.app.worker.guard._quarters == pressure_module.MOST_FOR_LAG, 20)
            seen = [(await http.ask()).status for _ in range(8)]
            assert (seen.count(200), seen.count(503)) == (2, 6)
            assert list(router.app.control.not_ready()) == [], "it makes progress"
            stop = True
            await until(lambda: router.app.worker.guard.words() == "none")
            assert [(await http.ask()).status for _ in range(8)] == [200] * 8
            await http.close()


async def test_a_thousand_connections_at_once_and_one_that_was_there():
    """Whoever was there is answered while they are being accepted."""
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        there = await router.connect()
        assert (await there.ask()).status == 200
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < 2500:
            pytest.skip("this needs 2500 descriptors")
        crowd = []
        for _ in range(1000):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            sock.connect(("127.0.0.1", router.port))  # the kernel takes them; the router had no turn yet
            crowd.append(sock)
        before = router.connections()
        await there.send()
        assert (await there.answer()).status == 200
        assert router.connections() - before < 500, "most of them were accepted before it was answered"
        await until(lambda: router.connections() == 1001)
        for sock in crowd:
            sock.close()
        await until(lambda: router.connections() == 1)
        await there.close()
