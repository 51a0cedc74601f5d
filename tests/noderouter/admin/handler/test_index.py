"""The list of what there is; `test_app` follows its links."""

from noderouter.admin.handler.index import page, plain
from noderouter.admin.message import Request
from noderouter.telemetry.telemeter.kind import Exposition
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of

REQUEST = Request("GET", "/")


async def test_the_page_escapes_what_comes_from_the_configuration(make_state: MakeState) -> None:
    body = text_of(await page(make_state(routers={"<b>": FakeRouter()}), REQUEST))
    assert "Routers: &lt;b&gt;" in body
    assert "<script" not in body


async def test_expositions_are_listed_where_they_are(make_state: MakeState) -> None:
    state = make_state(expositions=(Exposition("/metrics"),))
    lines = text_of(await plain(state, REQUEST)).splitlines()
    assert "/metrics" in lines
    assert "/admin/metrics/prometheus" not in lines


async def test_an_interpreter_is_listed_once(make_state: MakeState) -> None:
    paths = [
        "/namer_state/a.json",
        *(f"/{label}/interpreter_state/{name}.json" for label in "aA" for name in ("kM", "km")),
    ]
    lines = text_of(await plain(make_state(states=dict.fromkeys(paths, dict)), REQUEST)).splitlines()
    assert [line for line in lines if "state/" in line] == [paths[0], paths[1], paths[3]]
