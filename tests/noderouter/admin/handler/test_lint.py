"""What is odd about the dtabs in effect."""

import json

from dtab import Dtab, Path
from noderouter.admin.handler.lint import lint_json, lint_text
from noderouter.admin.message import Request
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of

REQUEST = Request("GET", "/admin/lint")


async def test_findings_name_the_entry(make_state: MakeState) -> None:
    odd = FakeRouter(
        dtab=Dtab.parse("/svc => /#/io.l5d.fs ; /a => /#/io.l5d.nope"), prefixes=[Path.parse("/#/io.l5d.fs")]
    )
    fine = FakeRouter(dtab=Dtab.parse("/svc => /#/io.l5d.fs"), prefixes=[Path.parse("/#/io.l5d.fs")])
    state = make_state(routers={"odd": odd, "fine": fine, "new": FakeRouter()})
    found = json.loads(text_of(await lint_json(state, REQUEST)))["routers"]
    assert (found["fine"], found["new"]) == ([], None)
    (finding,) = [each for each in found["odd"] if each["code"] == "unknown-namer"]
    assert finding["entry"] == "/a=>/#/io.l5d.nope"
    lines = text_of(await lint_text(state, REQUEST)).splitlines()
    assert "router fine: nothing odd" in lines
    assert "router new: no dtab yet" in lines
    assert f"router odd: /a=>/#/io.l5d.nope: unknown-namer: {finding['message']}" in lines
