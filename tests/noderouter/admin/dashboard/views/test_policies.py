"""The policies of a name, as a part of where it goes."""

from dtab import Dtab
from noderouter.admin.dashboard.view import Table
from noderouter.admin.dashboard.views import names
from tests.noderouter.admin.conftest import FakeRouter, MakeState
from tests.noderouter.admin.dashboard.views.test_views import part, seen
from tests.testing.dashboard import DTAB, Shown, node


async def test_policies_that_apply_to_its_endpoints(make_state: MakeState) -> None:
    asked = []

    def policies_of(ip: str, port: int) -> list[tuple[str, str]]:
        asked.append((ip, port))
        return [("no-admin", "deny"), ("front-only", "allow")]

    routers = {"outgoing": FakeRouter(dtab=DTAB)}
    state = make_state(routers=routers, looker=Shown(node()), policies_of=policies_of)
    view = await seen(names.view, state, path="/svc/web.shop")
    table = part(view, Table, "policies")
    assert [(row.cells["policy"], row.cells["action"]) for row in table.rows] == [
        ("front-only", "allow"),
        ("no-admin", "deny"),
    ]
    assert f"and {len(asked) - 3} more" in str(table.rows[0].cells["endpoints"])
    assert all(isinstance(port, int) for _, port in asked)


async def test_without_policies_there_is_no_table(make_state: MakeState) -> None:
    state = make_state(routers={"out": FakeRouter(dtab=Dtab.EMPTY)}, looker=Shown(node()))
    view = await seen(names.view, state, path="/svc/web.shop")
    assert [each.key for each in view.parts if isinstance(each, Table) and each.key == "policies"] == []
