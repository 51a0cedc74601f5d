"""The real server on a real socket: what hypercorn makes of our answers, hostile peers, and the end."""

import json
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest
import structlog.testing
import trio

from noderouter.admin import hypercorn_host
from noderouter.admin.listen import open_socket
from noderouter.admin.server import serve_admin
from noderouter.telemetry.telemeter.kind import Exposition
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.admin.conftest import MakeState, Serving, raw
from tests.testing.busy import PATIENCE_SECONDS


async def test_every_endpoint_over_the_wire(make_state: MakeState, serving: Serving) -> None:
    expected = {
        "/": "text/plain; charset=utf-8",
        "/admin": "text/html; charset=utf-8",
        "/admin/index.txt": "text/plain; charset=utf-8",
        "/admin/ping": "text/plain; charset=utf-8",
        "/admin/server_info": "application/json; charset=utf-8",
        "/admin/threads": "text/plain; charset=utf-8",
        "/admin/metrics.json": "application/json; charset=utf-8",
        "/metrics.json": "application/json; charset=utf-8",
        "/admin/metrics/prometheus": "text/plain; version=0.0.4; charset=utf-8",
        "/scrape": "text/plain; version=0.0.4; charset=utf-8",
        "/config.json": "application/json; charset=utf-8",
        "/delegator.json?path=/svc/x": "application/json; charset=utf-8",
        "/bound-names.json": "application/json; charset=utf-8",
        "/admin/stacks": "application/json; charset=utf-8",
        "/client_state.json": "application/json; charset=utf-8",
        "/logging.json": "application/json; charset=utf-8",
        "/livez": "text/plain; charset=utf-8",
        "/readyz": "text/plain; charset=utf-8",
        "/healthz": "text/plain; charset=utf-8",
    }
    async with serving(make_state(expositions=(Exposition(), Exposition("/scrape")))) as client:
        for path, content_type in expected.items():
            response = await client.get(path)
            assert (path, response.status_code, response.headers["content-type"]) == (path, 200, content_type)
            assert response.headers["content-length"] == str(len(response.content))
            assert "server" not in response.headers
            head = await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            if path.startswith(("/livez", "/config")):
                assert head.headers["content-length"] == response.headers["content-length"]


async def test_a_delegation_by_post(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client:
        asked = {"namespace": "out", "dtab": "/svc => /a", "path": "/svc/x"}
        response = await client.post("/delegator.json", json=asked)
        assert (response.status_code, response.json()["path"]) == (200, "/svc/x")
        assert (await client.post("/delegator.json", content=b"{}")).status_code == 415
        assert (await client.put("/delegator.json", json=asked)).status_code == 405


async def test_paths_are_compared_decoded_and_whole(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client:
        assert b"200" in (await raw(client, b"GET /admin/%70ing HTTP/1.0\r\n\r\n")).splitlines()[0]
        for path in (b"/../admin/ping", b"//admin/ping", b"/admin/ping/..", b"/admin%2fping%2f", b"/%00", b"/%ff"):
            answer = await raw(client, b"GET " + path + b" HTTP/1.0\r\n\r\n")
            assert b" 404 " in answer.splitlines()[0], path


async def test_pipelined_requests_are_answered_in_order(make_state: MakeState, serving: Serving) -> None:
    requests = (
        b"GET /admin/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    async with serving(make_state()) as client:
        answer = await raw(client, requests)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"pong") < answer.index(b"ok\n")


async def test_a_shutdown_is_answered_before_the_server_ends(make_state: MakeState) -> None:
    listening = open_socket("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/admin/shutdown"
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_admin, listening, make_state(shutdown=stop.set), stop)
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(url)).status_code == 405
            assert (await client.post(url, headers={"origin": "http://evil.example"})).status_code == 403
            assert not stop.is_set()
            response = await client.post(url)
            assert (response.status_code, response.text) == (200, "shutting down\n")
    assert listening.fileno() == -1


async def test_the_end_waits_for_what_was_begun(make_state: MakeState) -> None:
    begun, go_on = trio.Event(), trio.Event()

    async def slow(_path: Any, _dtab: Any) -> str:
        begun.set()
        await go_on.wait()
        return "done"

    listening = open_socket("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/delegator.json?path=/x"
    stop = trio.Event()
    answers: list[str] = []

    async def ask() -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            answers.append((await client.get(url)).json())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_admin, listening, make_state(delegate=slow), stop)
        nursery.start_soon(ask)
        await begun.wait()
        stop.set()
        await trio.lowlevel.checkpoint()
        go_on.set()
    assert answers == ["done"]


async def test_cancelling_ends_it_at_once(make_state: MakeState, nursery: trio.Nursery) -> None:
    listening = open_socket("127.0.0.1", 0)
    address = listening.getsockname()
    nursery.start_soon(serve_admin, listening, make_state(), trio.Event())
    async with httpx.AsyncClient(timeout=30) as client:
        await client.get(f"http://127.0.0.1:{address[1]}/livez")
        nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        while listening.fileno() != -1:
            await trio.lowlevel.checkpoint()


async def test_a_large_body_is_refused_and_the_next_request_served(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client:
        response = await client.post("/delegator.json", content=b"x" * (3 << 20))
        assert response.status_code == 413
        assert (await client.get("/nope", headers={"content-length": "0"})).status_code == 404
        response = await client.request("GET", "/nope", content=b"x" * (3 << 20))
        assert response.status_code == 404
        assert (await client.get("/livez")).status_code == 200


async def test_a_body_that_does_not_end_is_answered_and_cut(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the peer goes on sending: hypercorn's queue must not fill up."""
    monkeypatch.setattr("noderouter.admin.body.read_body.__defaults__", (1 << 20, 0.2))
    async with serving(make_state()) as client:
        stream = await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0)
        head = b"POST /nope HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        await stream.send_all(head)
        answer = b""

        async def send() -> None:
            try:
                while True:
                    await stream.send_all(b"1\r\nx\r\n" * 2_000)
            except trio.BrokenResourceError:
                pass

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                try:
                    while piece := await stream.receive_some(65536):
                        answer += piece
                except trio.BrokenResourceError:
                    pass  # closed with our data unread
                nursery.cancel_scope.cancel()
        await stream.aclose()
        assert answer.startswith(b"HTTP/1.1 404")
        assert b"connection: close" in answer.lower()


async def test_a_peer_that_does_not_read_delays_neither_others_nor_the_end(
    make_state: MakeState, serving: Serving
) -> None:
    state = make_state(reactor_tasks=lambda: ("x" * 10_000 for _ in range(2_000)))
    with trio.fail_after(60):
        async with serving(state, stuck_ms=500) as client:
            stuck = socket.socket()
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", client.base_url.port))
            stuck.sendall(b"GET /admin/threads HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await client.get("/livez")).status_code == 200
    stuck.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_others_are_served(
    make_state: MakeState, serving: Serving, data: bytes
) -> None:
    async with serving(make_state()) as client:
        await client.get("/livez")
        answer = await raw(client, data)
        assert b" 200 " not in answer
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\nHo", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"],
)
async def test_silent_peers_are_cut_off(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(hypercorn_host, "IDLE_SECONDS", 0.2)
    with trio.fail_after(PATIENCE_SECONDS):
        async with serving(make_state()) as client:
            await raw(client, data)


@pytest.mark.parametrize(
    "begin", [b"GET /livez HTTP/1.1\r\nX: ", b"POST /logging.json HTTP/1.1\r\nHost: localhost\r\n"]
)
async def test_a_byte_at_a_time_wins_no_time(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    """Neither in the head nor in the body: the whole of either has its time."""
    monkeypatch.setattr(hypercorn_host, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr("noderouter.admin.body.read_body.__defaults__", (1 << 16, 0.3))
    if begin.startswith(b"POST"):
        begin += b"Content-Length: 1000\r\n\r\n"
    answer = b""
    with trio.fail_after(PATIENCE_SECONDS):
        async with serving(make_state()) as client, trio.open_nursery() as nursery:
            stream = await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0)

            async def trickle() -> None:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(begin)
                    while True:
                        await stream.send_all(b"x")
                        await trio.sleep(0.02)

            nursery.start_soon(trickle)
            with suppress(trio.BrokenResourceError):
                while piece := await stream.receive_some(65536):
                    answer += piece
            nursery.cancel_scope.cancel()
            await stream.aclose()
    assert answer.startswith(b"HTTP/1.1 408") if begin.startswith(b"POST") else answer == b""


async def test_one_who_does_not_read_is_reset_however_the_window_moves(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large answer has its time as a whole: reading a little now and then does not help."""
    monkeypatch.setattr(hypercorn_host, "ANSWER_SECONDS", 0.5)
    state = make_state(reactor_tasks=lambda: ("x" * 10_000 for _ in range(2_000)))
    with trio.fail_after(PATIENCE_SECONDS):
        async with serving(state) as client:
            with trio.socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                await slow.connect(("127.0.0.1", client.base_url.port))
                await slow.send(b"GET /admin/threads HTTP/1.1\r\nHost: localhost\r\n\r\n")
                reset = False
                while not reset:
                    try:
                        assert await slow.recv(2048)
                    except ConnectionResetError:
                        reset = True
                    await trio.sleep(0.02)


async def test_web_sockets_are_refused(make_state: MakeState, serving: Serving) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with serving(make_state()) as client:
        assert (await raw(client, upgrade)).startswith(b"HTTP/1.1 403")


async def test_an_upgrade_to_http2_is_ignored(make_state: MakeState, serving: Serving) -> None:
    """As a server may; hypercorn 0.18 ended by such a setting. Who begins with the preface is `test_grpc_host`'s."""
    asked = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    async with serving(make_state()) as client:
        answer = await raw(client, asked + b"HTTP2-Settings: A\r\n\r\nGET /nope HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 404" in answer


async def test_a_connection_that_crashes_ends_alone(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_handle = hypercorn_host._Http1.handle
    crashes: list[int] = []

    async def handle(self: Any, event: Any) -> None:
        if b"crash" in getattr(event, "data", b""):
            crashes.append(1)
            raise RuntimeError("no luck")
        await really_handle(self, event)

    monkeypatch.setattr(hypercorn_host._Http1, "handle", handle)
    with structlog.testing.capture_logs() as logs:
        async with serving(make_state()) as client:
            await client.get("/livez")
            with suppress(trio.BrokenResourceError):
                assert await raw(client, b"crash") == b""
            before = len(client._transport._pool.connections)  # type: ignore[attr-defined]
            assert (await client.get("/livez")).status_code == 200
            assert len(client._transport._pool.connections) == before  # type: ignore[attr-defined]
    assert crashes == [1]
    assert [entry["error"] for entry in logs if entry["event"] == "admin.crashed"] == ["RuntimeError('no luck')"]


async def test_a_large_tree_does_not_hold_up_the_thread(make_state: MakeState, serving: Serving) -> None:
    tree = MetricsTree()
    for n in range(1000):
        tree.scope("rt", "out", "service", f"svc/{n}").requests().answered(200, 0.01, True)
    gaps: list[float] = []

    async def watch() -> None:
        last = trio.current_time()
        while True:
            await trio.lowlevel.checkpoint()
            now = trio.current_time()
            gaps.append(now - last)
            last = now

    async with serving(make_state(metrics=tree)) as client, trio.open_nursery() as nursery:
        await client.get("/admin/metrics/prometheus")
        nursery.start_soon(watch)
        for path in ("/admin/metrics/prometheus", "/admin/metrics.json", "/admin/metrics.json?tree=1"):
            gaps.clear()
            response = await client.get(path)
            assert response.status_code == 200
            assert b"svc/999" in response.content
            # Unpaced there are a few turns; the bound on time itself would depend on the machine.
            assert len(gaps) > 20, path
        nursery.cancel_scope.cancel()
    assert len(json.loads(response.content)["rt"]["out"]["service"]) == 1000
