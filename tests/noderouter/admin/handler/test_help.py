"""The questions; `/help` of the dashboard shows them."""

from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard.view import Table
from noderouter.admin.dashboard.views.settings import help
from noderouter.admin.handler.help import GROUPS
from noderouter.admin.routes import routes_of
from noderouter.admin.state import AdminState
from tests.noderouter.admin.conftest import MakeState


async def linked(state: AdminState) -> set[str]:
    (table,) = (await help(state, {})).parts
    assert isinstance(table, Table)
    return {row.path for row in table.rows} - {""}


async def test_its_links_lead_somewhere(make_state: MakeState) -> None:
    state = make_state()
    table = routes_of(state)
    assert await linked(state) == set(GROUPS)
    assert {path: table[path].group for path in GROUPS} == GROUPS


async def test_what_is_switched_off_is_not_linked(make_state: MakeState) -> None:
    security = SecurityConfig(uiEnabled=True, diagnosticsEnabled=False, controlEnabled=False)
    state = make_state(security=security)
    links = await linked(state)
    assert "/admin/threads" not in links
    assert "/logging" in links
    (table,) = (await help(state, {})).parts
    assert isinstance(table, Table)
    assert "switched off here" in [row.cells["path"] for row in table.rows]
