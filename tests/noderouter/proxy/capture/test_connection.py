"""Captured connections through a whole router. Only the kernel's word on what was dialled is made up here: what it says
in namespaces is in `test_original.py`, and all of it together in `tests/intercept/`.
"""

import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from unittest.mock import patch

import pytest
import trio

from noderouter.core.destination import Destination, Speech
from noderouter.proxy.capture.connection import same_host
from noderouter.telemetry.tap.viewer import Wish
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import Http
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import Running, config, inet, routing

VIP = "10.96.0.10"


@contextmanager
def dialled(ip: str, port: int) -> Iterator[None]:
    """Every connection was going there."""
    with patch("noderouter.proxy.capture.connection.original_destination", lambda _sock: (ip, port)):
        yield


@contextmanager
def from_elsewhere() -> Iterator[None]:
    """Clients are not on loopback."""
    with patch("noderouter.proxy.capture.connection.same_host", lambda _peer, _own: False):
        yield


@asynccontextmanager
async def capturing(dtab: str, client: dict[str, object] | None = None, **capture: object) -> AsyncIterator[Running]:
    """A router with a capture server, and services behind 10.96.0.10; `client` are its keys of that name."""
    server = {"port": 0, "capture": {"detectTimeoutMs": 50} | capture}
    async with routing(config(dtab, servers=[server], client=client or {})) as router:
        router.app.control.destinations.replace(
            {
                (VIP, 80): Destination(b"hello.prod", Speech.HTTP),
                (VIP, 5432): Destination(b"pg.prod:5432"),
                (VIP, 25): Destination(b"mail.prod:25", Speech.OPAQUE),
            }
        )
        yield router


async def says_hello(peer: Peer) -> None:
    """HTTP, request by request."""
    while await peer.more():
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


async def shouts(peer: Peer) -> None:
    """Answers in capitals until the end, then says goodbye."""
    while data := peer.buffer or await peer.stream.receive_some():
        peer.buffer = b""
        await peer.send(bytes(data).upper())
    await peer.send(b"bye")
    await peer.stream.send_eof()


async def greets(peer: Peer) -> None:
    """Speaks first."""
    await peer.send(b"220 ready\r\n")
    await shouts(peer)


async def counts(router: Running, below: str) -> dict[str, float]:
    """Metrics of the only server."""
    return await router.metrics(f"rt/out/server/127.0.0.1/{router.port}/{below}")


async def refused(router: Running) -> bool:
    """Whether a connection is reset, be it before its client knows that it was there."""
    with trio.socket.socket() as sock, trio.fail_after(PATIENCE_SECONDS):
        try:
            await sock.connect(("127.0.0.1", router.port))
            await sock.send(b"GET / HTTP/1.1\r\nHost: hello.prod\r\n\r\n")
            await sock.recv(1)
        except OSError:
            return True
    return False


async def test_http_is_routed_request_by_request():
    async with origin(says_hello) as server, capturing(f"/svc/hello.prod => {inet(server.port)}") as router:
        with dialled(VIP, 80):
            http = Http(await client(router.port))
            assert (await http.ask("hello.prod")).text == "hello"
            assert (await http.ask("hello.prod")).text == "hello"
            await http.close()
        assert (await counts(router, "captured"))["http1"] == 1
        assert (await router.metrics("rt/out/service/svc/hello.prod"))["requests"] == 2


async def test_what_is_not_http_is_a_flow():
    async with origin(shouts) as server, capturing(f"/svc/pg.prod:5432 => {inet(server.port)}") as router:
        with dialled(VIP, 5432):
            peer = await client(router.port)
            await peer.send(b"\x00\x00\x00\x08query")
            assert await peer.exactly(9) == b"\x00\x00\x00\x08QUERY"
            assert (await counts(router, "flow"))["connections"] == 1
            await peer.stream.send_eof()
            assert await peer.rest() == b"bye"
        assert (await counts(router, "captured"))["opaque"] == 1
        flow = await counts(router, "flow")
        assert (flow["connections"], flow["received_bytes"], flow["sent_bytes"]) == (0, 9, 12)
        assert flow["requests"] == flow["success"] == 1
        assert (await router.metrics("rt/out/service/svc/pg.prod:5432"))["success"] == 1


async def test_a_flow_is_shown_to_who_looks_as_a_flow():
    async with origin(shouts) as server, capturing(f"/svc/pg.prod:5432 => {inet(server.port)}") as router:
        with dialled(VIP, 5432), router.app.control.tap.looking(Wish()) as viewer:
            peer = await client(router.port)
            await peer.send(b"\x00\x00\x00\x08query")
            await peer.stream.send_eof()
            await peer.rest()
            await until(lambda: viewer.seen)
        (record,) = viewer.take(10)
    assert (record["kind"], record["scheme"], record["method"]) == ("flow", "tcp", "CONNECT")
    assert (record["service"], record["destination"]) == ("/svc/pg.prod:5432", "pg.prod:5432")
    assert (record["bytes_in"], record["bytes_out"], record["error"]) == (9, 12, None)
    assert [each["endpoint"] for each in record["tries"]] == [f"127.0.0.1:{server.port}"]


async def test_a_flow_that_fails_is_shown_with_its_error():
    async with capturing("") as router:
        with dialled(VIP, 5432), router.app.control.tap.looking(Wish()) as viewer:
            peer = await client(router.port)
            await peer.send(b"\x00query")
            await peer.rest()
            await until(lambda: viewer.seen)
        (record,) = viewer.take(10)
    assert (record["kind"], record["status"], record["error"]) == ("flow", None, "NoSuchName")


@pytest.mark.parametrize("port", [25, 5432])
async def test_a_server_may_speak_first(port):
    """By declaration, without a delay; else after the time for detection."""
    async with origin(greets) as server:
        dtab = f"/svc/mail.prod:25 => {inet(server.port)} ; /svc/pg.prod:5432 => {inet(server.port)}"
        async with capturing(dtab) as router:
            with dialled(VIP, port):
                peer = await client(router.port)
                assert await peer.until(b"\r\n") == b"220 ready\r\n"
                await peer.send(b"quit")
                assert await peer.exactly(4) == b"QUIT"
                await peer.close()
            assert (await counts(router, "captured"))["detect_timeouts"] == (port == 5432)


@pytest.mark.parametrize(("ip", "name"), [("10.1.2.3", "10.1.2.3:6379"), ("fd00::1", r"\x5bfd00::1\x5d:6379")])
async def test_an_address_without_a_service_is_its_own_name(ip, name):
    async with origin(shouts) as server, capturing(f"/svc/{name} => {inet(server.port)}") as router:
        with dialled(ip, 6379):
            peer = await client(router.port)
            await peer.send(b"*1\r\n$4\r\nping\r\n")
            assert await peer.exactly(14) == b"*1\r\n$4\r\nPING\r\n"
            await peer.close()


async def test_what_has_no_name_is_reset_and_said():
    async with capturing("") as router:
        with dialled(VIP, 5432):
            for _ in range(2):
                peer = await client(router.port)
                await peer.send(b"\x00query")
                await peer.rest()
                assert peer.reset
        (said,) = [event for event in router.events if event["event"] == "flow.failed"]
        assert said["destination"] == "pg.prod:5432"
        assert said["name"] == "/svc/pg.prod:5432"
        assert "pg.prod:5432" in said["reason"]
        assert (await counts(router, "flow"))["failures"] == 2


async def test_a_fixed_answer_is_a_reset():
    async with capturing("/svc => /$/io.buoyant.http.status/403") as router:
        with dialled(VIP, 5432):
            peer = await client(router.port)
            await peer.send(b"\x00query")
            await peer.rest()
            assert peer.reset


async def test_a_reset_of_the_endpoint_reaches_the_client():
    async def slams(peer: Peer) -> None:
        await peer.exactly(1)
        peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.stream.socket.close()

    async with origin(slams) as server, capturing(f"/svc/pg.prod:5432 => {inet(server.port)}") as router:
        with dialled(VIP, 5432):
            peer = await client(router.port)
            await peer.send(b"\x00")
            await peer.rest()
            assert peer.reset
        assert (await counts(router, "flow"))["broken"] == 1


async def test_the_port_is_no_proxy_for_who_dials_it():
    async with origin(says_hello) as server, capturing(f"/svc => {inet(server.port)}") as router:
        http = Http(await client(router.port))
        answer = await http.ask("hello.prod")
        assert answer.head.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")
        await http.close()
        with from_elsewhere():
            assert await refused(router)
        assert (await counts(router, "captured"))["refused"] == 1
        assert server.peers == []


async def test_a_connection_to_the_router_itself_is_refused():
    async with capturing("/svc => /$/inet/127.0.0.1/1") as router:
        with dialled("127.0.0.1", router.port), from_elsewhere():
            assert await refused(router)
        assert (await counts(router, "captured"))["refused"] == 1


@pytest.mark.parametrize(
    ("peer", "own", "same"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "192.0.2.1", True),
        ("::1", "::1", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.2", "192.0.2.1", False),
        ("fd00::2", "fd00::1", False),
    ],
)
def test_who_is_on_this_host(peer, own, same):
    """A server on one address only is probed from that address."""
    assert same_host(peer, own) is same


async def test_the_probe_comes_back_with_what_it_brought():
    async with capturing("") as router:
        point = router.app.worker.servers.capture_point
        assert point is not None
        http = Http(await client(point.address[1]))
        answer = await http.ask("probe", f"{point.probe_path}abc")
        assert (answer.status, answer.text) == (200, "abc")
        assert (await counts(router, "captured"))["probes"] == 1
        await http.close()


@pytest.mark.parametrize(("port", "answer"), [(80, b""), (5432, b"bye")])
async def test_a_client_that_finishes_without_a_word(port, answer):
    """It may be waiting for the server to speak, but not where HTTP is spoken."""
    async with origin(shouts) as server, capturing(f"/svc => {inet(server.port)}") as router:
        with dialled(VIP, port):
            peer = await client(router.port)
            await peer.stream.send_eof()
            assert await peer.rest() == answer


async def test_draining_cuts_flows_off_when_their_time_is_up():
    async with origin(shouts) as server, capturing(f"/svc => {inet(server.port)}") as router:
        with dialled(VIP, 5432):
            peer = await client(router.port)
            await peer.send(b"\x00a")
            assert await peer.exactly(2) == b"\x00A"
            router.app.stopping.set()
            await peer.rest()
            assert peer.reset


async def test_detection_waits_for_slow_http_where_it_is_declared():
    async with origin(says_hello) as server, capturing(f"/svc => {inet(server.port)}", detectTimeoutMs=1) as router:
        with dialled(VIP, 80):
            peer = await client(router.port)
            await until(lambda: router.connections() == 1)
        with dialled(VIP, 5432):  # where nothing is declared, a client that came later is waited for no longer by now
            other = await client(router.port)
            with trio.fail_after(PATIENCE_SECONDS):
                while not (await counts(router, "captured"))["detect_timeouts"]:
                    await trio.lowlevel.checkpoint()
        for part in (b"G", b"ET / HT", b"TP/1.1\r\nHost: hello.prod\r\n\r\n"):
            await peer.send(part)
            for _ in range(20):  # the router shares this thread, and has its turns
                await trio.lowlevel.checkpoint()
        assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert (await counts(router, "captured"))["http1"] == 1
        await peer.close()
        await other.close()


async def test_silence_where_http_is_declared_ends_like_an_idle_connection():
    async with origin(says_hello) as server, capturing(f"/svc => {inet(server.port)}") as router:
        with dialled(VIP, 80):
            peer = await client(router.port)
            await until(lambda: router.connections() == 1)
            ((connection, task),) = next(iter(router.app.worker.servers)).listener.connections.items()
            await until(lambda: connection.wire.reader is task)
            connection.check(task.since + 599)
            assert not task.unwinding
            connection.check(task.since + 601)
            await peer.rest()
            await until(lambda: router.connections() == 0)


async def test_who_makes_room_when_places_are_short():
    """Who says nothing, and who is between two requests; not who is served, nor a flow."""
    async with origin(shouts) as pg, origin(says_hello) as web:
        dtab = f"/svc/pg.prod:5432 => {inet(pg.port)} ; /svc/hello.prod => {inet(web.port)}"
        async with capturing(dtab, detectTimeoutMs=60_000) as router:
            listener = next(iter(router.app.worker.servers)).listener

            async def newest(send, reply):
                """A connection that has got its answer, and who serves it."""
                before = set(listener.connections)
                peer = await client(router.port)
                if send:
                    await peer.send(send)
                    await peer.until(reply)
                await until(lambda: len(listener.connections) == len(before) + 1)
                (made,) = set(listener.connections) - before
                return peer, made

            with dialled(VIP, 5432):
                flow, carried = await newest(b"\x00\x00\x00\x08query", b"QUERY")
                silent, detecting = await newest(b"", b"")
            with dialled(VIP, 80):
                http, between = await newest(b"GET / HTTP/1.1\r\nHost: hello.prod\r\n\r\n", b"hello")
            await until(lambda: between.idle)
            assert (carried.idle, detecting.idle) == (False, True)
            assert between.idle_since > 0.0
            assert detecting.idle_since == 0.0
            for peer in (flow, silent, http):
                await trio.aclose_forcefully(peer.stream)


async def test_under_overload_flows_are_reset_and_http_is_told():
    async with origin(shouts) as pg, capturing(f"/svc/pg.prod:5432 => {inet(pg.port)}") as router:
        router.router().shed(4, "for a test")
        with dialled(VIP, 5432):
            peer = await client(router.port)
            await peer.send(b"\x00\x00\x00\x08query")
            assert await peer.rest() == b""
            assert peer.reset
        with dialled(VIP, 80):
            http = Http(await client(router.port))
            answer = await http.ask("hello.prod")
            assert (answer.status, answer["l5d-retryable"]) == (503, "true")
            assert "for a test" in answer.text
            await http.close()
        assert router.router().sheds == 2
        router.router().shed(0)
        with dialled(VIP, 5432):
            peer = await client(router.port)
            await peer.send(b"\x00\x00\x00\x08query")
            assert await peer.exactly(9) == b"\x00\x00\x00\x08QUERY"
            await trio.aclose_forcefully(peer.stream)
