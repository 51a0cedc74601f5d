"""The nodes as a table and as facts."""

from typing import Any

import pytest
import trio

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.render import text
from noderouter.admin.dashboard.view import Facts, Frame, State, Table
from noderouter.admin.dashboard.views import graph, health, overview
from noderouter.admin.dashboard.views.nodes import facts, nodes_table
from noderouter.admin.mesh.checked import checked
from noderouter.admin.mesh.merge import Merge
from noderouter.admin.mesh.nodes import silent
from noderouter.admin.state import AdminState
from tests.noderouter.admin.conftest import MakeState
from tests.testing.dashboard import AT, ATTACK, attacked, healthy
from tests.testing.summaries import encoded, told


class Gathered:
    """Has looked at all nodes already."""

    def __init__(self, look: Look) -> None:
        self.gathered = look

    async def look(self, *_anything: Any) -> Look:
        await trio.lowlevel.checkpoint()
        return self.gathered


@pytest.fixture
async def state(make_state: MakeState) -> AdminState:
    """Twelve nodes: one that is well, one with made faults, one of strangers' words, nine that are silent."""
    merge = Merge()
    merge.add(checked(encoded(told(make_state(node="worker-0"), healthy()))))
    merge.add(checked(encoded(told(make_state(node="worker-1")))))
    merge.add(checked(encoded(told(make_state(node=ATTACK), attacked()))))
    for number in range(9):
        merge.missing(silent(f"worker-{number + 2}", f"10.0.0.{number}:9991", "late", "no answer within 2 s"))
    return make_state(mesh=Gathered(await merge.look()))


async def mesh_look(state: AdminState) -> Look:
    assert state.mesh is not None
    return await state.mesh.look(state)


async def test_those_with_something_to_say_come_first(state: AdminState) -> None:
    mesh = (await mesh_look(state)).mesh
    assert mesh is not None
    table = nodes_table(mesh, 5)
    assert [each.cells["word"] for each in table.rows] == ["refused", "refused", "late", "late", "late"]
    assert (table.total, table.note) == (12, "5 of 12; last 60 s")
    last = nodes_table(mesh, 50).rows[-1].cells
    assert (last["node"], last["word"], last["rate"], last["capture"]) == ("worker-0", "ok", 1562.0, "on")
    said = {each.name: (each.state, each.text) for each in facts(mesh)}
    assert said["nodes"] == (State.WARN, "3 of 12 nodes in the sums")
    assert said["ready"] == (State.BAD, "2 nodes with something wrong")
    assert said["watches"] == (State.WARN, "2 of 3 live, the quietest for 500 s")
    assert said["interception"] == (State.WARN, "on for 2 of 3 nodes")


async def test_the_views_of_all_nodes(state: AdminState) -> None:
    query = {"nodes": "all"}
    shown = await overview.view(state, query)
    assert shown.about.startswith("3 of 12 nodes, 6 services")
    tables = {each.key: each for each in shown.parts if isinstance(each, Table)}
    assert len(tables["nodes"].rows) == 8
    assert tables["nodes"].more is not None
    (found,) = [each for each in shown.parts if isinstance(each, Facts)]
    assert [each.name for each in found.facts][:4] == ["nodes", "ready", "watches", "interception"]
    whole = await health.view(state, query)
    assert [len(each.rows) for each in whole.parts if isinstance(each, Table)] == [12]
    assert {each.word for each in whole.problems} >= {"late", "not ready", "refused"}
    assert (await graph.view(state, query)).aside == "last 60 s, 3 of 12 nodes"


async def test_strangers_words_reach_no_terminal(state: AdminState) -> None:
    for make in (overview.view, health.view):
        frame = Frame("3 of 12 nodes", "1.2.3", 1.0, AT, "localhost:9990", nodes="all")
        page = list(text.lines(await make(state, {"nodes": "all"}), frame))
        assert "\x1b" not in "".join(page)
        assert [line for line in page if len(line) > 80 and not line.startswith("curl")] == []
