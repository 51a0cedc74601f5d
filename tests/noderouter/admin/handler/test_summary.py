"""The summary of a router, over the wire."""

from noderouter.admin.mesh.checked import checked
from noderouter.admin.routes import SUMMARY
from tests.noderouter.admin.conftest import MakeState, Serving
from tests.testing.dashboard import Shown, node


async def test_it_is_served(make_state: MakeState, serving: Serving) -> None:
    state = make_state(looker=Shown(node()), node="worker-3")
    async with serving(state) as asked:
        answer = await asked.get(SUMMARY)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    summary = checked(answer.content)
    assert (summary.node, summary.instance, summary.version) == ("worker-3", state.instance, "1.2.3")
    assert answer.headers["content-length"] == str(len(answer.content))
