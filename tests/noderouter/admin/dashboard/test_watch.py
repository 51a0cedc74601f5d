"""A view again and again: frames, their number of readers, and that they end."""

from functools import partial
from typing import Any

import httpx
import pytest
import trio

from noderouter.admin.listen import open_socket
from noderouter.admin.server import serve_admin
from noderouter.admin.state import WATCHERS, AdminState
from tests.noderouter.admin.conftest import FakeRouter, MakeState, Serving
from tests.testing.dashboard import DTAB, Shown, node


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    return make_state(routers={"outgoing": FakeRouter(dtab=DTAB)}, looker=Shown(node()), max_connections=40, node="vm")


async def watched(client: httpx.AsyncClient, path: str, frames: int) -> str:
    """What comes until so many frames have begun; then the reader leaves."""
    async with await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost:9990\r\n\r\n".encode())
        received = b""
        with trio.fail_after(60):
            while received.count(b"noderouter vm  ") < frames:
                received += await stream.receive_some(65536)
    return received.decode()


async def test_one_frame_for_each_interval_until_the_reader_leaves(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        shown = await watched(client, "/?watch=1", 2)
        assert "content-type: text/plain; charset=utf-8" in shown
        assert "/svc/cart.shop" in shown
        with trio.fail_after(60):
            while state.watchers.value < WATCHERS:
                await trio.sleep(0.01)


async def test_a_terminal_is_cleared_where_colour_is_asked_for(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        assert "\x1b[H\x1b[2Jnoderouter vm  " in await watched(client, "/services?watch=60&color=1", 1)


async def test_frames_end_when_the_server_stops(state: AdminState) -> None:
    listening, stop = open_socket("127.0.0.1", 0), trio.Event()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/?watch=60"
    with trio.fail_after(50):
        async with trio.open_nursery() as nursery, httpx.AsyncClient(timeout=60) as client:
            nursery.start_soon(partial(serve_admin, listening, state, stop, grace=3600))
            async with client.stream("GET", url) as response:
                async for line in response.aiter_lines():
                    if "curl" in line:
                        stop.set()
    assert state.watchers.value == WATCHERS


async def test_watchers_are_few(state: AdminState, serving: Serving) -> None:
    for _ in range(WATCHERS):
        state.watchers.acquire_nowait()
    async with serving(state) as client:
        refused = await client.get("/?watch=2")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert f"{WATCHERS} watch already" in refused.text


@pytest.mark.parametrize("path", ["/?watch=0", "/?watch=61", "/?watch=x", "/services?watch=2&sort=x"])
async def test_a_wrong_question_is_no_stream(state: AdminState, serving: Serving, path: str) -> None:
    async with serving(state) as client:
        assert (await client.get(path)).status_code == 400
        assert (await client.get("/service?watch=2&name=/svc/x")).status_code == 404
    assert state.watchers.value == WATCHERS


async def test_other_forms_and_head_are_no_streams(state: AdminState, serving: Serving) -> None:
    kinds: list[dict[str, Any]] = [{"accept": "text/html"}, {"accept": "application/json"}]
    async with serving(state) as client:
        for headers in kinds:
            assert (await client.get("/?watch=2", headers=headers)).status_code == 200
        assert (await client.head("/?watch=2")).status_code == 200
    assert state.watchers.value == WATCHERS
