"""The page of questions."""

import re

from noderouter.admin.config import SecurityConfig
from noderouter.admin.handler.help import GROUPS, page
from noderouter.admin.message import Request
from noderouter.admin.routes import routes_of
from noderouter.telemetry.recent import RecentRequests
from tests.noderouter.admin.conftest import MakeState, text_of

REQUEST = Request("GET", "/help")


async def test_its_links_lead_somewhere(make_state: MakeState) -> None:
    for recent in (None, RecentRequests(0, 1)):
        state = make_state(recent_requests=recent)
        table = routes_of(state)
        links = set(re.findall(r'href="(/[^"]+)"', text_of(await page(state, REQUEST))))
        assert links == set(GROUPS) & set(table)
        assert links == set(GROUPS)
        assert {path: table[path].group for path in links} == {path: GROUPS[path] for path in links}


async def test_what_is_switched_off_is_not_linked(make_state: MakeState) -> None:
    security = SecurityConfig(uiEnabled=True, diagnosticsEnabled=False, controlEnabled=False)
    text = text_of(await page(make_state(security=security), REQUEST))
    assert "/admin/threads" not in text
    assert "switched off here" in text
    assert 'href="/logging"' in text
