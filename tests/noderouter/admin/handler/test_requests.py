"""The page of recent requests: what strangers send is text on it, and nothing else."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.handler.index import plain
from noderouter.admin.handler.requests import COLUMNS, requests
from noderouter.admin.message import Request, Stream
from noderouter.admin.routes import routes_of
from noderouter.telemetry.recent import CUT, RecentRequest, RecentRequests
from tests.noderouter.admin.conftest import MakeState, text_of

REQUEST = Request("GET", "/requests")


class Page(HTMLParser):
    """Its tags with attributes, and the text of each cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and data.strip():
            self.cells[-1] += data

    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"][1:]


def kept(*found: tuple[str, ...]) -> RecentRequests:
    recent = RecentRequests(0, 1000)
    for one in found:
        recent._kept.append(RecentRequest(1_700_000_000.5, *one))
    return recent


async def test_a_row_for_each_the_newest_first(make_state: MakeState) -> None:
    recent = kept(("1:1", "2:2", "out", "/svc/a", "/#/x/a", "3:3"), ("1:2", "2:2", "out", "/svc/b", "/#/x/b", "3:4"))
    page = Page(text_of(await requests(False, make_state(recent_requests=recent), REQUEST)))
    assert page.cells[:7] == list(COLUMNS)
    assert page.cells[7:14] == ["2023-11-14T22:13:20.500+00:00", "1:2", "2:2", "out", "/svc/b", "/#/x/b", "3:4"]
    assert page.cells[14 + 4] == "/svc/a"
    assert page.links() == []


async def test_names_lead_to_the_page_that_explains_them(make_state: MakeState) -> None:
    recent = kept(("1:1", "2:2", "a&b", "/svc/a b", "/svc/long" + CUT, "3:3"))
    page = Page(text_of(await requests(True, make_state(recent_requests=recent), REQUEST)))
    assert page.links() == ["delegator?router=a%26b&path=%2Fsvc%2Fa+b"]


async def test_html_in_what_was_sent_is_text(make_state: MakeState) -> None:
    evil = """</td></table><script>alert('1')</script><a href="javascript:x" onclick='y'>&amp;"""
    recent = kept(*[(evil, evil, evil, evil, evil, evil)] * 1000)
    response = await requests(True, make_state(recent_requests=recent), REQUEST)
    page = Page(text_of(response))
    assert page.cells[8:14] == [evil] * 6
    assert {tag for tag, _ in page.tags} == {
        "html", "head", "meta", "title", "body", "p", "a", "h1", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert {name for tag, attributes in page.tags for name in attributes if tag == "a"} == {"href"}
    assert all(link.startswith("delegator?router=%3C%2Ftd%3E") for link in page.links() if link)
    assert ("content-security-policy", "default-src 'none'") in response.headers


@pytest.mark.parametrize("recent", [None, kept()])
async def test_it_is_there_unless_diagnostics_are_switched_off(
    make_state: MakeState, recent: RecentRequests | None
) -> None:
    state = make_state(recent_requests=recent)
    assert "/requests" in routes_of(state)
    assert "/requests" in text_of(await plain(state, REQUEST)).split()
    closed = make_state(recent_requests=recent, security=SecurityConfig(diagnosticsEnabled=False))
    assert "/requests" not in routes_of(closed)


async def test_who_asks_for_a_stream_gets_one_and_a_browser_the_page(make_state: MakeState) -> None:
    state = make_state(recent_requests=kept())
    for accept, kind in {"text/html, */*": "text/html", "*/*": "text/html", "text/event-stream": "text/event"}.items():
        response = await requests(False, state, Request("GET", "/requests", headers={"accept": accept}))
        assert response.content_type.startswith(kind)
        if isinstance(response, Stream):
            response.close()
            await response.pieces.aclose()
    assert len(state.tap) == 0


async def test_without_the_telemeter_a_browser_gets_what_is_live(make_state: MakeState) -> None:
    asked = Request("GET", "/requests", {"seconds": "0"}, {"accept": "text/html"})
    response = await requests(False, make_state(), asked)
    assert json.loads(text_of(response)) == {"requests": [], "dropped": 0}
