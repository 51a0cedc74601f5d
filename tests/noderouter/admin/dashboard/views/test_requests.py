"""Live requests as a view: what is asked for, gathered, and kept."""

import pytest
import trio

from noderouter.admin.dashboard.query import BadQuery, Full
from noderouter.admin.dashboard.view import Form, State, Table
from noderouter.admin.dashboard.views.requests import view
from noderouter.admin.routes import routes_of
from noderouter.telemetry.recent import RecentRequest, RecentRequests
from tests.noderouter.admin.conftest import MakeState, Serving
from tests.testing.backend import backend, response
from tests.testing.dashboard import ATTACK
from tests.testing.router import config, inet, routing


async def test_what_ends_meanwhile_is_gathered() -> None:
    async with backend("a") as service:
        async with routing(config(f"/svc => {inet(service.port)}")) as router:

            async def fails(_got: object) -> bytes:
                return response("no", "503 Service Unavailable")

            async def ask_on() -> None:
                while True:
                    await router.ask("hello", "/v1/cart")

            service.respond = fails
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask_on)
                text = (await router.admin("/requests?as=text&seconds=10&n=2")).text
                nursery.cancel_scope.cancel()
    rows = [line for line in text.splitlines() if "GET /v1/cart" in line]
    assert len(rows) == 2
    assert all(row.startswith("!! ") and "503" in row and "failed" in row for row in rows)


async def test_nothing_is_gathered_unless_it_is_asked_for(make_state: MakeState) -> None:
    state = make_state()
    found = await view(state, {"service": "/svc/hello", "status": "5xx"})
    form, table = found.parts
    assert isinstance(form, Form)
    assert isinstance(table, Table)
    assert table.rows == ()
    assert {each.name: each.value for each in form.fields if each.value} == {"service": "/svc/hello", "status": "5xx"}
    assert len(state.tap) == 0


async def test_a_filter_that_makes_no_sense_is_said_to_be_so(make_state: MakeState) -> None:
    for query in ({"status": "loud"}, {"sample": "7"}, {"seconds": "11"}, {"min_ms": "x"}):
        with pytest.raises(BadQuery):
            await view(make_state(), query)


async def test_as_many_viewers_as_may_look(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = make_state()
    monkeypatch.setattr(state.tap, "limit", 0)
    with pytest.raises(Full, match="viewers look already"):
        await view(state, {"seconds": "1"})
    async with serving(state) as client:
        for accept, form in (("*/*", "text/plain"), ("text/html", "text/html")):
            page = await client.get("/requests?seconds=1", headers={"accept": accept})
            assert (page.status_code, page.headers["retry-after"]) == (503, "5")
            assert page.headers["content-type"].startswith(form)
            assert "viewers look already" in page.text


async def test_what_a_telemeter_has_kept_is_shown_as_text(make_state: MakeState) -> None:
    recent = RecentRequests(0, 10)
    recent._kept.append(RecentRequest(1.0, ATTACK, ATTACK, "out", "/svc/a", "/#/x", ATTACK))
    found = await view(make_state(recent_requests=recent), {})
    kept = found.parts[-1]
    assert isinstance(kept, Table)
    assert kept.rows[0].path == "/names?path=/svc/a&router=out"
    assert kept.rows[0].cells["source"] == ATTACK
    assert kept.rows[0].state is State.OK


async def test_browsers_get_the_view_and_others_what_they_had(make_state: MakeState, serving: Serving) -> None:
    state = make_state()
    assert "/requests" in routes_of(state)
    async with serving(state) as client:
        page = await client.get("/requests", headers={"accept": "text/html"})
        text = await client.get("/requests", headers={"accept": "text/plain"})
        lines = await client.get("/requests?format=jsonl&seconds=0.01")
        plain = await client.get("/requests")
        data = await client.get("/requests?format=json&seconds=0.01")
    assert page.headers["content-type"].startswith("text/html")
    assert "./static/requests.js" in page.text
    assert text.text.startswith("noderouter ")
    assert plain.headers["content-type"].startswith("text/plain")
    assert "None ended within 1 s" in plain.text
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert data.json() == {"requests": [], "dropped": 0}
