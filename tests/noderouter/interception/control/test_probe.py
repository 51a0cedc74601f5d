"""The probe: only the real answer counts, and within its time."""

import socket
import struct
from contextlib import suppress
from functools import partial

import pytest
import trio

from noderouter.interception.control import probe as probe_module
from noderouter.interception.control.health_report import MAX_WORDS, HealthReport
from noderouter.interception.control.probe import CapturePoint, Probe
from tests.testing.loop import until

PATH = "/token/"


async def answering(stream, make):
    """One HTTP request, and what `make` makes of its path."""
    async with stream:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some(4096)
        answer = make(head.split(b" ")[1].decode())
        if answer is None:
            await trio.sleep_forever()
        with suppress(trio.BrokenResourceError):  # it has read enough
            await stream.send_all(answer)


@pytest.fixture
def serving(nursery):
    """Starts a listener whose answers `make` makes; answers its point."""

    async def start(make, host="127.0.0.1"):
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        nursery.start_soon(trio.serve_listeners, lambda stream: answering(stream, make), [listener])
        return CapturePoint(listener.socket.getsockname()[:2], listener.socket._sock, PATH)

    return start


def good(path):
    nonce = path.removeprefix(PATH)
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(nonce)}\r\n\r\n{nonce}".encode()


async def test_the_real_answer_counts(serving, nursery):
    probe = Probe(await serving(good))
    assert probe.error
    nursery.start_soon(probe.run)
    await probe.came_back.wait()
    assert (probe.error, probe.failures) == ("", 0)
    assert probe.age_ms() < 500
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _path: b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother", "something else answers"),
        (lambda path: good(path).replace(b"200 OK", b"503 No"), "503 No"),
        (lambda _path: b"SSH-2.0-x\r\n", "SSH-2.0-x"),
        (lambda _path: b"", "the connection was closed"),
        (lambda _path: None, "no answer within 0.1 s"),
        (lambda _path: b"x" * 100_000, "something else answers"),
    ],
)
async def test_everything_else_does_not(serving, nursery, monkeypatch, make, words):
    monkeypatch.setattr(probe_module, "DEADLINE_SECONDS", 0.1 if "0.1" in words else 5.0)
    probe = Probe(await serving(make))
    nursery.start_soon(probe.run)
    await until(lambda: probe.failures)
    assert words in probe.error
    assert probe.succeeded_at is None
    nursery.cancel_scope.cancel()


async def test_nobody_listens(nursery):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()
    probe = Probe(CapturePoint(address, closed, PATH))
    nursery.start_soon(probe.run)
    await until(lambda: probe.failures)
    assert "Connection refused" in probe.error
    nursery.cancel_scope.cancel()


async def test_a_connection_that_is_reset(serving, nursery):
    point = await serving(good)

    async def reset(stream):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, reset, [listener])
    probe = Probe(CapturePoint(listener.socket.getsockname()[:2], point.listening, PATH))
    nursery.start_soon(probe.run)
    await until(lambda: probe.failures >= 2)
    assert probe.error
    nursery.cancel_scope.cancel()


async def test_another_router_shares_the_port(nursery):
    sockets = [socket.socket() for _ in range(2)]
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(sockets[0].getsockname() if sock is not sockets[0] else ("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
    answers = (good, lambda _path: b"HTTP/1.1 421 Misdirected Request\r\n\r\n")
    for sock, make in zip(sockets, answers, strict=True):
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        nursery.start_soon(trio.serve_listeners, partial(answering, make=make), [listener])
    probe = Probe(CapturePoint(sockets[0].getsockname(), sockets[0], PATH))
    for _ in range(10):
        assert await probe._try() == ""
    nursery.cancel_scope.cancel()


async def test_wildcards_are_dialled_over_loopback(nursery):
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as sock:
        sock.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        nursery.start_soon(trio.serve_listeners, lambda stream: answering(stream, good), [listener])
        probe = Probe(CapturePoint(("::", sock.getsockname()[1]), sock, PATH))
        nursery.start_soon(probe.run)
        await probe.came_back.wait()
        nursery.cancel_scope.cancel()


async def test_what_the_keeper_is_told_of_it(serving, nursery):
    missing = ["router out: no dtab yet"]
    health = HealthReport(await serving(good), lambda: missing)
    assert (
        health.not_ready()
        == "router out: no dtab yet; no probe of the capture port has come back: it has not been tried yet"
    )
    nursery.start_soon(health.probe.run)
    nursery.start_soon(health.lag.watch)
    await health.probe.came_back.wait()
    missing.clear()
    progress = health.take()
    assert progress.not_ready == ""
    assert progress.accept_backlog > 0
    assert (progress.accept_queue, progress.reactor_lag_ms) == (0, 0)
    missing.append("x" * 500 + "\n")
    assert len(health.take().not_ready) == MAX_WORDS
    assert health.take().not_ready.isprintable()
    nursery.cancel_scope.cancel()


async def test_a_closed_port_is_not_ready(serving, nursery):
    point = await serving(good)
    health = HealthReport(point, list)
    nursery.start_soon(health.probe.run)
    await health.probe.came_back.wait()
    point.listening.close()
    assert health.not_ready() == "the capture port is closed"
    nursery.cancel_scope.cancel()
