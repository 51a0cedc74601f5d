"""Many at once, and none of them friendly: what they hold is bounded, and a probe is answered all the while.

Covers `gauges.py`.
"""

import socket
from contextlib import AsyncExitStack, suppress

import httpx
import pytest
import trio

from noderouter.admin import hypercorn_host
from noderouter.admin.listen import open_socket
from noderouter.admin.server import serve_admin
from noderouter.admin.state import AdminState
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.admin.conftest import MakeState, Serving

UNENDING = b"POST /delegator.json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def large_tree() -> MetricsTree:
    tree = MetricsTree()
    for n in range(1000):
        tree.scope("rt", "out", "service", f"svc/{n}").requests().answered(200, 0.01, True)
    return tree


def counted(state: AdminState, name: str) -> float:
    (value,) = [sample.value for sample in state.metrics.samples() if "/".join(sample.path) == name]
    assert isinstance(value, int | float)
    return value


async def dial(client: httpx.AsyncClient, data: bytes, *, receive_bytes: int = 0) -> trio.SocketStream:
    sock = trio.socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await sock.connect(("127.0.0.1", client.base_url.port or 0))
    stream = trio.SocketStream(sock)
    with suppress(trio.BrokenResourceError):
        await stream.send_all(data)
    return stream


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /livez HT",
        UNENDING + b"400\r\n" + b"x" * 0x400 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    ],
)
async def test_connections_are_bounded_and_a_probe_is_always_let_in(
    make_state: MakeState, serving: Serving, data: bytes
) -> None:
    state = make_state(max_connections=8)
    async with serving(state) as client, AsyncExitStack() as strangers:
        assert (await client.get("/livez")).status_code == 200
        for _ in range(5):
            for _ in range(20):
                stream = await dial(client, data)
                await strangers.enter_async_context(stream)
            async with httpx.AsyncClient(base_url=client.base_url) as probe:
                assert (await probe.get("/livez")).status_code == 200
            assert counted(state, "admin/connections") <= 8
    assert counted(state, "admin/displaced") >= 90


async def test_thirty_scrapes_at_once_are_one_text_and_readers_hold_no_more(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noderouter.admin.answers.SHARED_SECONDS", 60.0)
    state = make_state(metrics=large_tree())
    asked = b"GET /admin/metrics/prometheus HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serving(state) as client, AsyncExitStack() as strangers:
        for _ in range(30):
            await strangers.enter_async_context(await dial(client, asked, receive_bytes=4096))
        with trio.fail_after(30):
            while sum(len(each.readers) for each in state.answers._read.values()) < 30:
                await trio.sleep(0.01)
        assert counted(state, "admin/answers/shared") == 29
        assert counted(state, "admin/answers/made") == 1
        (reading,) = state.answers._read.values()
        assert len(reading.readers) == 30
        text = (await client.get("/admin/metrics/prometheus")).text
        assert "svc/999" in text
        assert counted(state, "admin/answers/made") == 1


async def test_one_who_asks_on_and_on_without_reading_is_answered_no_further(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypercorn_host, "ANSWER_SECONDS", 0.5)
    state = make_state()
    one = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serving(state) as client:
        with trio.fail_after(30):
            stream = await dial(client, b"", receive_bytes=4096)
            with suppress(trio.BrokenResourceError):
                while True:
                    await stream.send_all(one * 1000)
            await stream.aclose()
            answered = counted(state, "admin/requests")
            assert (await client.get("/livez")).status_code == 200
    # What two kernels hold of answers of about 200 bytes.
    assert answered < 20_000


async def test_made_up_paths_hosts_and_methods_leave_no_trace(make_state: MakeState, serving: Serving) -> None:
    state = make_state()
    asked = (
        b"".join(b"M%d /path/%d?q=%d HTTP/1.1\r\nHost: host-%d\r\n\r\n" % (n, n, n, n) for n in range(500))
        + b"GET /x HTTP/1.0\r\n\r\n"
    )
    async with serving(state) as client:
        await client.get("/livez")
        before = len(list(state.metrics.samples()))
        stream = await dial(client, asked)
        received = b""
        with trio.fail_after(30):
            while piece := await stream.receive_some(65536):
                received += piece
        await stream.aclose()
    assert received.count(b"HTTP/1.1 421") == 500
    assert len(list(state.metrics.samples())) == before
    assert counted(state, "admin/refused/host") == 500


async def test_the_port_for_probes(make_state: MakeState) -> None:
    """Strangers on one port take no place of the other, and nothing is changed by the one for probes."""
    calls: list[str] = []
    state = make_state(shutdown=lambda: calls.append("shutdown"), max_connections=4)
    admin, probes = open_socket("127.0.0.1", 0), open_socket("127.0.0.1", 0, "admin.probes")
    ports = [sock.getsockname()[1] for sock in (admin, probes)]
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: serve_admin(admin, state, stop, probes=[probes]))
        async with httpx.AsyncClient(timeout=30) as client, AsyncExitStack() as strangers:
            at = f"http://127.0.0.1:{ports[1]}"
            for path in ("/livez", "/readyz", "/healthz", "/admin/ping", "/admin/metrics/prometheus"):
                assert (await client.get(at + path)).status_code == 200
                assert (await client.head(at + path)).status_code == 200
                assert (await client.post(at + path)).status_code == 405
            for path in ("/", "/admin", "/config.json", "/metrics.json", "/delegator.json", "/logging.json", "/nope"):
                assert (await client.get(at + path)).status_code == 404
            for path in ("/admin/shutdown", "/logging.json?logger=root&level=OFF"):
                assert (await client.post(at + path)).status_code == 404
            assert (await client.get(at + "/livez", headers={"host": "evil.example"})).status_code == 421
            displaced = counted(state, "admin/displaced")
            for _ in range(4):
                await strangers.enter_async_context(await trio.open_tcp_stream("127.0.0.1", ports[0]))
            assert (await client.get(f"http://127.0.0.1:{ports[0]}/admin/ping")).status_code == 200
            assert (await client.get(at + "/livez")).status_code == 200
            assert counted(state, "admin/displaced") == displaced + 1
        stop.set()
    assert calls == []
    assert (admin.fileno(), probes.fileno()) == (-1, -1)
