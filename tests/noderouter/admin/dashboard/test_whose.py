"""Links and forms of a page of all nodes stay there, where there is something to stay with."""

import pytest

from noderouter.admin.dashboard.query import BadQuery
from noderouter.admin.dashboard.routes import VIEWS
from noderouter.admin.dashboard.view import Edge, Facts, Form, Graph, Link, Problem, Row, State, Table, View
from noderouter.admin.dashboard.whose import PATHS, gather, is_mesh, staying, with_all
from tests.noderouter.admin.conftest import MakeState


@pytest.mark.parametrize(
    ("path", "all_of_them"),
    [
        ("/", "/?nodes=all"),
        ("/service?name=/svc/a", "/service?name=/svc/a&nodes=all"),
        ("/names?path=/svc/a", "/names?path=/svc/a"),
        ("/admin/metrics.json", "/admin/metrics.json"),
        ("curl '{}/graph?format=dot'", "curl '{}/graph?format=dot'"),
        ("", ""),
    ],
)
def test_addresses(path: str, all_of_them: str) -> None:
    assert with_all(path) == all_of_them


def test_every_part_of_a_view() -> None:
    link = Link("a", "/services")
    view = View(
        "overview",
        "title",
        problems=(Problem(State.BAD, "bad", "a", "why", "/health"),),
        parts=(
            Table("t", "T", (), (Row("a", {}, path="/service?name=a"),), more=link),
            Table("u", "U", (), ()),
            Facts("f", "F", (), more=link),
            Graph("g", "G", (Edge("a", "b", State.OK, "ok", 1.0, 1.0, 1.0, "/service?name=b"),)),
            Form("form", (), "Go"),
        ),
        links=(link,),
    )
    shown = repr(staying(view))
    assert shown.count("nodes=all") == 6
    assert "hidden=(('nodes', 'all'),)" in shown


async def test_views_that_have_them_are_views(make_state: MakeState) -> None:
    assert set(PATHS) < set(VIEWS)
    assert not await gather(make_state(), {}, "/config")
    for path in set(VIEWS) - set(PATHS):
        with pytest.raises(BadQuery, match=f"{path} is about one"):
            await gather(make_state(), {"nodes": "all"}, path)
    with pytest.raises(BadQuery, match="one of all"):
        is_mesh({"nodes": "none"})
