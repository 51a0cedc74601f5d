"""The page for terminals.

Covers `json.py`.
"""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from noderouter.admin.dashboard.render.json import members
from noderouter.admin.dashboard.render.text import Style, lines
from noderouter.admin.dashboard.view import (
    Column,
    Edge,
    Fact,
    Facts,
    Form,
    Frame,
    Graph,
    Kind,
    Line,
    Lines,
    Link,
    Node,
    Part,
    Problem,
    Row,
    State,
    Table,
    Tree,
    View,
    Words,
)
from noderouter.telemetry.portions import json_object
from tests.testing.dashboard import ATTACK

FRAME = Frame("worker-3", "0.9.0", 273_600, 1_796_000_551.0, "localhost:9990")
COLUMNS = (
    Column("name", "service", Kind.NAME, short=""),
    Column("word", "state", Kind.STATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p99", "p99 ms", Kind.MS, drop=1),
    Column("line", "p99, 10 min", Kind.LINE, drop=2),
    Column("why", "why", Kind.WHY, drop=9),
)
ROWS = (
    Row(
        "/svc/cart",
        {"name": "/svc/cart", "word": "failing", "success": 82.89, "p99": 88.4, "line": (5.0,) * 60, "why": "503"},
        State.BAD,
        "/service?name=/svc/cart",
    ),
    Row("/svc/web", {"name": "/svc/web", "word": "ok", "success": None, "p99": None, "line": ()}),
)


def shown(*parts: Part, style: Style = Style(), **view: object) -> list[str]:  # noqa: B008 - a value
    made = View("test", "Title", parts=parts, **view)  # type: ignore[arg-type]
    return list(lines(made, FRAME, style))


def body(*parts: Part, style: Style = Style()) -> list[str]:  # noqa: B008 - a value
    return shown(*parts, style=style)[2:]


def test_the_first_line_says_who_and_when() -> None:
    first, rule = shown(aside="1 wrong")
    assert first == f"{'noderouter worker-3  0.9.0  up 3 d 4 h':58}1 wrong   01:02:31 UTC"
    assert rule == "─" * 80
    assert shown(terse="services (45)")[0].startswith("noderouter worker-3  services (45)  ")


def test_problems_stand_beside_their_sentences() -> None:
    problems = (
        Problem(State.BAD, "failing", "/svc/cart.shop", "82.8 % of 48.2/s succeed. " + "One endpoint of 3. " * 3),
        Problem(State.WARN, "slow", "/svc/a-name-that-is-longer-than-its-column", "p99 2.41 s."),
    )
    assert shown(problems=problems)[2:] == [
        "!! failing  /svc/cart.shop     82.8 % of 48.2/s succeed. One endpoint of 3. One",
        "                               endpoint of 3. One endpoint of 3.",
        "!  slow     /svc/a-name-that-is-longer-than-its-column",
        "                               p99 2.41 s.",
    ]


def test_a_table() -> None:
    assert body(Table("t", "Services", COLUMNS, ROWS, "8 of 45")) == [
        "",
        "SERVICES                                                                 8 of 45",
        "              state    ok %  p99 ms  p99, 10 min  why",
        "!! /svc/cart  failing  82.8      88  ██████████   503",
        "   /svc/web   ok          –       –",
    ]


def test_columns_leave_by_their_order_and_then_names_are_cut() -> None:
    long = replace(ROWS[0], cells={**ROWS[0].cells, "name": "/svc/" + "x" * 45})
    assert body(Table("t", "", COLUMNS, (long,)))[-2].split() == ["state", "ok", "%", "p99", "ms"]
    longest = replace(ROWS[0], cells={**ROWS[0].cells, "name": "/svc/" + "x" * 500})
    last = body(Table("t", "", COLUMNS, (longest,)))[-1]
    assert len(last) == 80
    assert re.fullmatch(r"!! /svc/x+…  failing  82\.8", last)


def test_notes_stand_below_and_then_not_in_a_column() -> None:
    noted = replace(ROWS[0], note="503 for 61 %", key="10.0.0.1:80 /#/cart")
    found = body(Table("t", "", COLUMNS, (noted,)))
    assert found[-1] == "   10.0.0.1:80: 503 for 61 %"
    assert "why" not in found[1]


def test_rows_in_groups() -> None:
    columns = (*COLUMNS[:3], Column("client", "client", Kind.NAME))
    rows = [Row(str(n), {"name": f"e{n}", "word": "ok", "success": 100.0, "client": f"/#/c{n // 2}"}) for n in range(3)]
    table = Table("t", "Endpoints", columns, tuple(rows), group="client", about={"/#/c0": "2 of 2 in service"})
    assert body(table) == [
        "",
        "ENDPOINTS",
        "/#/c0                                                          2 of 2 in service",
        "       state  ok %",
        "   e0  ok      100",
        "   e1  ok      100",
        "",
        "/#/c1",
        "       state  ok %",
        "   e2  ok      100",
    ]


def test_what_is_not_in_the_table() -> None:
    more = Table("t", "T", COLUMNS, ROWS, total=45, more=Link("all", "/services"))
    assert body(more)[-1] == "   43 more: all: /services"
    assert body(Table("t", "T", COLUMNS, (), empty="No request yet."))[-1] == "No request yet."


def test_facts_lines_words_trees() -> None:
    facts = Facts("h", "Health", (Fact("dtab", "95f2, since 2 h", State.BAD, "refused"), Fact("process", "x" * 90)))
    assert body(facts) == [
        "",
        "HEALTH",
        "!! refused  dtab     95f2, since 2 h",
        "            process  " + "x" * 59,
        "                     " + "x" * 31,
    ]
    line = Lines("l", (Line("ok %", Kind.PERCENT, 82.8, (100.0,) * 30 + (80.0,) * 30, State.BAD),))
    assert body(line)[-1] == "ok %            82.8  ██████████▇▇▇▇▇▇▇▇▇▇          80.0     100"
    assert body(Words("w", "Apply", "a \\\n  b"))[-2:] == ["   a \\", "     b"]
    tree = Node(
        "/svc/web", below=(Node("/a", "x", 0.95, State.OK, "6 of 6 up", dentry=5), Node("/b", below=(Node("/c"),)))
    )
    assert body(Tree("t", "Delegation", tree))[2:] == [
        "/svc/web",
        "├ 95 % /a                                             [5]       6 of 6 up",
        "└ /b",
        "  └ /c",
    ]


def test_the_graph_by_source_the_worst_first() -> None:
    edges = (
        Edge("web", "cart", State.BAD, "failing", 31.4, 83.0, 88.0),
        Edge("web", "images", State.OK, "ok", 164.5, 100.0, 9.6),
        Edge("quiet", "images", State.OK, "ok", 1.0, 100.0, 9.6),
    )
    assert body(Graph("g", "", edges)) == [
        "",
        "                                                     req/s    ok %  p99 ms",
        "  web                                                195.9",
        "!!├─ cart  failing                                    31.4    83.0      88",
        "  └─ images                                          164.5     100     9.6",
        "",
        "ALL OK                                req/s  calls",
        "   quiet                                1.0  images",
    ]
    assert body(Graph("g", "", ())) == []


def test_the_last_lines_can_be_pasted() -> None:
    links = (
        Link("the failing service", "/service?name=/svc/cart"),
        Link("all", "/services"),
        Link("", "curl {}/x | dot"),
        Link("x" * 40, "/" + "y" * 60),
    )
    assert shown(links=links)[3:] == [
        "─" * 80,
        "curl 'localhost:9990/service?name=/svc/cart'           # the failing service",
        "curl localhost:9990/services                           # all",
        "curl localhost:9990/x | dot",
        "curl localhost:9990/" + "y" * 60,
    ]


def test_colour_is_on_marks_and_cells_that_say_something_alone() -> None:
    found = body(Table("t", "", COLUMNS, ROWS), style=Style(colour=True))
    assert found[-2].startswith("\x1b[31m!! \x1b[0m/svc/cart  \x1b[31mfailing\x1b[0m  \x1b[31m82.8\x1b[0m  ")
    assert "\x1b" not in found[-1]
    plain = body(Table("t", "", COLUMNS, ROWS))
    assert [re.sub(r"\x1b\[\d+m", "", line).rstrip() for line in found] == plain


def test_ascii() -> None:
    found = shown(Table("t", "", COLUMNS, ROWS), style=Style(ascii=True))
    assert all(line.isascii() for line in found)
    assert found[1] == "-" * 80


ATTACKED = replace(ROWS[0], key=ATTACK, note=ATTACK, cells={"name": ATTACK, "word": ATTACK})
EVERYTHING = View(
    "test",
    ATTACK,
    about=ATTACK,
    terse=ATTACK,
    aside=ATTACK,
    problems=(Problem(State.BAD, ATTACK, ATTACK, ATTACK),),
    parts=(
        Table(
            ATTACK,
            ATTACK,
            COLUMNS,
            (replace(ROWS[0], key=ATTACK, note=ATTACK, cells={"name": ATTACK, "word": ATTACK}),),
            ATTACK,
        ),
        Facts("f", ATTACK, (Fact(ATTACK, ATTACK, State.BAD, ATTACK),), ATTACK, Link(ATTACK, "/")),
        Lines("l", (Line(ATTACK[:10], Kind.MS, None, (None,) * 60),)),
        Words("w", ATTACK, ATTACK, ATTACK),
        Tree("t", ATTACK, Node(ATTACK, ATTACK, 0.5, State.BAD, ATTACK), ATTACK),
        Graph("g", ATTACK, (Edge(ATTACK, ATTACK, State.BAD, ATTACK, 1.0, 50.0, 1.0),), ATTACK),
        Form("x", (), ATTACK),
    ),
    links=(Link(ATTACK, "/a"),),
)


@pytest.mark.parametrize("style", [Style(), Style(ascii=True)])
def test_no_escape_code_reaches_a_terminal_and_no_line_is_long(style: Style) -> None:
    for line in lines(EVERYTHING, replace(FRAME, node=ATTACK), style):
        assert not any(ord(char) < 32 or char in "\x7f\u202e" for char in line), line
        assert len(line) <= 80 or line.startswith(("   ", "curl")), line


async def read(view: View) -> Any:
    return json.loads(b"".join(await json_object(members(view, FRAME))))


async def test_json_has_what_the_view_has() -> None:
    view = View("t", "Title", problems=(Problem(State.BAD, "failing", "x", "y", "/x", 1.5),), parts=EVERYTHING.parts)
    found = await read(view)
    assert found["router"] == {
        "node": "worker-3", "version": "0.9.0", "uptimeSeconds": 273600.0, "at": 1796000551.0, "wrong": {},
    }  # fmt: skip
    assert found["problems"] == [
        {"state": "bad", "word": "failing", "what": "x", "text": "y", "since": 1.5, "path": "/x"}
    ]
    (row,) = found[ATTACK]["rows"]
    assert (row["name"], row["status"], row["key"]) == (ATTACK, "bad", ATTACK)
    assert found["f"][0]["text"] == found["w"] == found["t"]["name"] == ATTACK
    assert found["g"][0]["source"] == ATTACK
    assert "x" not in found  # a form is for browsers


async def test_json_has_raw_numbers() -> None:
    found = (await read(View("t", "T", parts=(Table("s", "S", COLUMNS, ROWS),))))["s"]
    assert found["rows"][0]["success"] == 82.89
    assert found["rows"][1]["p99"] is None
    assert found["columns"][2] == {"key": "success", "label": "success %", "kind": "percent"}
    assert found["rows"][0]["path"] == "/service?name=/svc/cart"


def test_a_deep_tree_is_no_trouble() -> None:
    node = Node("/end")
    for _ in range(5000):
        node = Node("/x", below=(node,))
    view = View("t", "T", parts=(Tree("tree", "Tree", node),))
    assert dict(members(view, FRAME))["tree"]["below"][0]["name"] == "/x"
