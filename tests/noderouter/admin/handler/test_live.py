"""Live requests over the real admin server: streams that end, viewers that leave, stand still, or are too many."""

import json
from functools import partial
from typing import Any

import httpx
import pytest
import trio

from noderouter.admin.dashboard.routes import VIEWS
from noderouter.admin.handler.live import answer, ask, form_of
from noderouter.admin.listen import open_socket
from noderouter.admin.message import Request
from noderouter.admin.server import serve_admin
from noderouter.core.exchange import Exchange
from noderouter.telemetry.observe import Observe, Observers
from noderouter.telemetry.tap.filter import FilterError
from noderouter.telemetry.tap.tap import Tap
from tests.noderouter.admin.conftest import MakeState, Serving
from tests.testing.ended import ATTACK, TRACE, ended
from tests.testing.loop import until
from tests.testing.origin import client as raw_client

LINES = "/requests?format=jsonl"


class Watched:
    """A tap and the seam of one router, through which requests go."""

    def __init__(self, **keys: Any) -> None:
        observers = Observers()
        self.seam: Observe = observers.of("out")
        self.tap = Tap(observers, **keys)

    def serve(self, *exchanges: Exchange) -> None:
        """Have these end."""
        for exchange in exchanges:
            for viewer in self.seam.observers:
                viewer.ended(exchange, "out", TRACE, None)

    async def looked_at(self, viewers: int = 1) -> None:
        """Wait until so many look."""
        await until(lambda: len(self.tap) == viewers)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def query(text: str, **headers: str) -> Request:
    return Request("GET", "/requests", dict(httpx.QueryParams(text)), headers)


@pytest.mark.parametrize(
    ("text", "accept", "form"),
    [
        ("", "*/*", None),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
        ("", "text/event-stream", "sse"),
        ("", "application/x-ndjson", "jsonl"),
        ("", "application/json;q=0.9, text/event-stream", "sse"),
        ("", "application/json;q=0, text/event-stream;q=0.1", "sse"),
        ("", "application/x-ndjson;q=0, */*", None),
        ("", "text/plain, application/json;q=0.5", None),
        ("", "text/html;q=0.1, application/json", "json"),
        ("", "application/json", "json"),
        ("", "Application/JSON; q=1", "json"),
        ("", "text/html, application/json", None),
        ("format=jsonl", "text/html", "jsonl"),
        ("format=xml", "", "xml"),
    ],
)
def test_what_is_asked_for(text: str, accept: str, form: str | None) -> None:
    assert form_of(query(text, accept=accept)) == form


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format=xml", "format='xml': must be one of json, jsonl, sse"),
        ("servce=/svc/x", "'servce' is no parameter of /requests; there are router, service, "),
        ("n=-1", "n='-1': must be a number"),
        ("format=jsonl&seconds=4000", "must be a number from 0 to 3600"),
        ("format=json&seconds=21", "must be a number from 0 to 20"),
        ("sample=2", "must be a number from 0 to 1"),
        ("status=x", "must be a status"),
        ("n=1.5", "n='1.5': must be a whole number"),
    ],
)
def test_what_cannot_be_understood_is_refused(text: str, words: str) -> None:
    with pytest.raises(FilterError) as refused:
        ask(query(text))
    assert words in str(refused.value)


async def test_lines_of_what_is_wanted(make_state: MakeState, serving: Serving, watched: Watched) -> None:
    async with (
        serving(make_state(tap=watched.tap)) as client,
        client.stream("GET", LINES + "&path=/a&n=2") as response,
    ):
        assert response.headers["content-type"] == "application/x-ndjson"
        watched.serve(ended(b"/a1"), ended(b"/b"), ended(b"/a2"), ended(b"/a3"))
        found = [json.loads(line) async for line in response.aiter_lines()]
    assert [each["path"] for each in found] == ["/a1", "/a2"]
    assert len(watched.tap) == 0


async def test_events(make_state: MakeState, serving: Serving) -> None:
    watched = Watched(lines=16)
    headers = {"accept": "text/event-stream"}
    async with (
        serving(make_state(tap=watched.tap)) as client,
        client.stream("GET", "/requests?n=16", headers=headers) as response,
    ):
        assert response.headers["content-type"] == "text/event-stream"
        watched.serve(*(ended() for _ in range(20)))
        text = (await response.aread()).decode()
    *events, lost = [each for each in text.split("\n\n") if each and not each.startswith(":")]
    assert [json.loads(each.removeprefix("data: "))["path"] for each in events] == ["/a?b=c"] * 16
    assert lost == 'event: dropped\ndata: {"dropped":4}'


async def test_an_answer_of_json_gathers_for_a_while(make_state: MakeState, serving: Serving, watched: Watched) -> None:
    answers: list[httpx.Response] = []
    async with serving(make_state(tap=watched.tap)) as client, trio.open_nursery() as nursery:

        async def get() -> None:
            answers.append(await client.get("/requests?n=3&seconds=20", headers={"accept": "application/json"}))

        nursery.start_soon(get)
        await watched.looked_at()
        watched.serve(*(ended(b"/%d" % number) for number in range(5)))
        await until(lambda: bool(answers))
        empty = await client.get("/requests?format=json&seconds=0")
    assert [each["path"] for each in answers[0].json()["requests"]] == ["/0", "/1", "/2"]
    assert empty.json() == {"requests": [], "dropped": 0}
    assert len(watched.tap) == 0


async def test_a_stream_ends_when_its_time_is_over(make_state: MakeState, serving: Serving, watched: Watched) -> None:
    async with serving(make_state(tap=watched.tap)) as client:
        answer = await client.get(LINES + "&seconds=0.01")
    assert (answer.status_code, answer.text) == (200, "")


async def test_head_looks_at_nothing(make_state: MakeState, serving: Serving, watched: Watched) -> None:
    async with serving(make_state(tap=watched.tap)) as client:
        answer = await client.head(LINES)
    assert (answer.status_code, watched.tap.opened) == (200, 0)


async def test_a_viewer_that_leaves_is_gone(make_state: MakeState, serving: Serving, watched: Watched) -> None:
    async with serving(make_state(tap=watched.tap)) as client:
        async with client.stream("GET", LINES):
            await watched.looked_at()
            watched.serve(ended())
        await watched.looked_at(0)
        assert watched.seam.observers == ()
        assert (await client.get("/admin/ping")).text == "pong"


async def test_the_seventeenth_viewer_is_told_and_others_are_served(make_state: MakeState, serving: Serving) -> None:
    """With all viewers there, pages and probes have their places."""
    watched = Watched()
    state = make_state(tap=watched.tap)
    async with serving(state) as client:
        port = client.base_url.port
        assert port is not None
        viewers = [await raw_client(port) for _ in range(16)]
        for viewer in viewers:
            await viewer.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % LINES.encode())
        await watched.looked_at(16)
        refused = await client.get(LINES)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert "16 viewers look already" in refused.text
        for _ in range(40):
            async with httpx.AsyncClient(base_url=client.base_url) as other:
                assert (await other.get("/livez")).status_code == 200
        watched.serve(ended())
        for viewer in viewers:
            assert b'"path":"/a?b=c"' in await viewer.until(b"}\n")
        await viewers[0].close()
        await watched.looked_at(15)
        for viewer in viewers[1:]:
            await viewer.close()


async def test_a_viewer_that_never_reads_holds_up_nobody_and_is_cut(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noderouter.admin.app.ANSWER_SECONDS", 0.2)
    watched = Watched(lines=64)
    async with serving(make_state(tap=watched.tap), stuck_ms=3_600_000) as client:
        port = client.base_url.port
        assert port is not None
        viewer = await raw_client(port)
        await viewer.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % LINES.encode())
        await watched.looked_at()
        with trio.fail_after(60):
            while len(watched.tap):
                watched.serve(*(ended(b"/" + b"x" * 4000) for _ in range(100)))
                await trio.lowlevel.checkpoint()
        assert watched.tap.dropped > 0
        assert (await client.get("/livez")).status_code == 200
        assert await viewer.rest() is not None
        assert viewer.reset


async def test_a_slow_viewer_is_told_what_it_has_lost(make_state: MakeState, serving: Serving) -> None:
    watched = Watched(lines=16)
    async with serving(make_state(tap=watched.tap)) as client, client.stream("GET", LINES + "&n=16") as response:
        await watched.looked_at()
        watched.serve(*(ended() for _ in range(50)))
        found = [json.loads(each) for each in (await response.aread()).splitlines()]
    assert found[-1] == {"dropped": 34}
    assert [each["path"] for each in found[:-1]] == ["/a?b=c"] * 16


async def test_streams_end_when_the_server_stops(make_state: MakeState, watched: Watched) -> None:
    """The end does not wait for who looks."""
    listening, stop = open_socket("127.0.0.1", 0), trio.Event()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with trio.open_nursery() as nursery, httpx.AsyncClient(timeout=60) as client:
        nursery.start_soon(partial(serve_admin, listening, make_state(tap=watched.tap), stop, grace=3600))
        async with client.stream("GET", url + LINES) as response:
            await watched.looked_at()
            stop.set()
            assert await response.aread() == b""
    assert len(watched.tap) == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_our_own_pages_take_one_with_tls_and_without(make_state: MakeState, scheme: str) -> None:
    for origin, status in ((f"{scheme}://here:9990", 200), ("http://here:80", 403), ("https://here", 403)):
        headers = {"host": "here:9990", "origin": origin}
        request = Request("GET", "/requests", {"format": "json", "seconds": "0"}, headers, scheme=scheme)
        assert (await answer(make_state(), request)).status == status
        page = Request("GET", "/services", {"seconds": "1"}, headers, scheme=scheme)
        assert (await VIEWS["/services"][1](make_state(), page)).status == status


@pytest.mark.parametrize("header", [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")])
async def test_other_sites_pages_take_no_place(
    make_state: MakeState, serving: Serving, watched: Watched, header: tuple[str, str]
) -> None:
    async with serving(make_state(tap=watched.tap)) as client:
        assert (await client.get(LINES, headers=[header])).status_code == 403
        assert (await client.get(LINES, headers={"host": "evil.example"})).status_code == 421
        own = await client.get(LINES + "&seconds=0", headers={"sec-fetch-site": "same-origin"})
    assert (own.status_code, watched.tap.opened) == (200, 1)
    assert not [name for name in own.headers if name.startswith("access-control")]
    assert own.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("heads", ["0", "1"])
async def test_attacks_are_text(make_state: MakeState, serving: Serving, watched: Watched, heads: str) -> None:
    attack = ATTACK.encode()
    async with (
        serving(make_state(tap=watched.tap)) as client,
        client.stream("GET", f"{LINES}&n=1&heads={heads}") as response,
    ):
        watched.serve(ended(attack, method=attack, authority=attack, block=b"x-evil: %b\r\n" % attack))
        data = await response.aread()
    assert all(0x20 <= byte < 0x7F for byte in data.rstrip(b"\n"))
    assert json.loads(data)["path"] == ATTACK
