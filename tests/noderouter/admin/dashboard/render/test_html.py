"""The page for browsers: its structure, its order, and that what strangers send is text in it.

Covers `parts.py`, `element.py`, `drawing.py`, `graph.py`.
"""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.admin.dashboard.assets import made
from noderouter.admin.dashboard.render.drawing import means, points, scale, spark
from noderouter.admin.dashboard.render.element import VOID, element, here, joined
from noderouter.admin.dashboard.render.graph import layers, ordered
from noderouter.admin.dashboard.render.html import page
from noderouter.admin.dashboard.render.parts import part
from noderouter.admin.dashboard.view import (
    Column,
    Edge,
    Fact,
    Facts,
    Field,
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
from tests.testing.dashboard import ATTACK

FRAME = Frame(
    "worker-3", "0.9.0", 60, 1_796_000_551.0, "localhost:9990", {"services": 2}, frozenset({"/", "/services"})
)
COLUMNS = (
    Column("name", "service", Kind.NAME),
    Column("word", "state", Kind.STATE),
    Column("success", "success %", Kind.PERCENT),
    Column("p99", "p99 ms", Kind.MS, wide=2),
    Column("line", "p99, 10 min", Kind.LINE, wide=3),
)
ROW = Row(
    "/svc/a/b",
    {"name": "/svc/a/b", "word": "failing", "success": 82.8, "p99": 88.4, "line": (5.0,) * 60},
    State.BAD,
    "/service?name=/svc/a/b&x=<",
)


class Seen(HTMLParser):
    """The tags with their attributes, their text, and whether they are closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return "".join(self.texts)


def rendered(found: Part) -> str:
    return "".join(each.markup for each in part(found, "/services?q=a&n=5", FRAME.at))


def whole(view: View, frame: Frame = FRAME) -> Seen:
    return Seen("".join(page(view, frame)))


# The builder


def test_what_is_no_element_is_text() -> None:
    assert element("a", "R&D <b>", href="./x?a&b").markup == '<a href="./x?a&amp;b">R&amp;D &lt;b&gt;</a>'
    assert element("input", name='"', hidden=True, value=None, checked=False).markup == '<input name="&quot;" hidden>'
    assert joined("<", [element("wbr"), None]).markup == "&lt;<wbr>"
    assert element("path", d="M0").markup == '<path d="M0"/>'


@given(st.text(), st.text())
def test_whatever_it_is(text: str, value: str) -> None:
    found = Seen(element("p", text, title=value).markup.replace("\r", "&#13;"))
    assert [tag for tag, _ in found.tags] == ["p"]


@pytest.mark.parametrize("path", ["javascript:alert(1)", "//evil.example", "https://evil.example", ""])
def test_a_link_leads_nowhere_else(path: str) -> None:
    with pytest.raises(ValueError, match="not an address of this server"):
        here(path)


# The page


def test_the_page_is_whole_without_a_script() -> None:
    table = Table("services", "Services", COLUMNS, (ROW,), sortable=True)
    found = whole(
        View("services", "Services", problems=(Problem(State.BAD, "failing", "x", "y", "/z"),), parts=(table,))
    )
    assert found.all("html") == [{"lang": "en", "data-view": "services", "data-made": made()}]
    assert len(found.all("h1")) == 1
    assert [each["src"].split("?")[0] for each in found.all("script")] == [
        "./static/theme.js", "./static/app.js", "./static/table.js", "./static/go.js",
    ]  # fmt: skip
    assert [each.get("aria-current") for each in found.all("a") if "data-g" in each] == [None, "page"]
    assert "2 wrong" in found.text
    assert all("style" not in attributes for _, attributes in found.tags)
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert "82.8" in found.text
    links = [each["href"] for each in found.all("a")]
    assert {"./services", "./?as=text", "./?as=json"} <= set(links)
    assert all(link.startswith(("./", "#")) for link in links)


def test_an_error_has_its_links() -> None:
    found = whole(View("error", "Not there", links=(Link("nearest: /svc/a", "/service?name=/svc/a"),), status=404))
    assert "./service?name=/svc/a" in [each["href"] for each in found.all("a")]


ATTACKED = (
    Table(
        "t",
        ATTACK,
        (Column("name", ATTACK, Kind.NAME), *COLUMNS[1:]),
        (replace(ROW, key=ATTACK, note=ATTACK, cells={"name": ATTACK, "word": ATTACK}),),
        ATTACK,
        more=Link(ATTACK, f"/{ATTACK}"),
        anchors=True,
    ),
    Table("e", ATTACK, COLUMNS, (), ATTACK, ATTACK),
    Facts("f", ATTACK, (Fact(ATTACK, ATTACK, State.BAD, ATTACK),), ATTACK),
    Lines("l", (Line(ATTACK, Kind.RATE, 1.0, (1.0,) * 60), Line(ATTACK, Kind.MS, 1.0, (1.0,) * 60))),
    Words("w", ATTACK, ATTACK, ATTACK, copy=True),
    Tree("tree", ATTACK, Node(ATTACK, ATTACK, 0.5, State.BAD, ATTACK, (Node(ATTACK, ATTACK, dentry=3),)), ATTACK),
    Graph("g", ATTACK, (Edge(ATTACK, f"{ATTACK}2", State.BAD, ATTACK, 1.0, 50.0, 1.0, "/x"),), ATTACK),
    Form(
        "form",
        (
            Field("q", ATTACK, ATTACK),
            Field("o", ATTACK, ATTACK, (ATTACK,)),
            Field("long", ATTACK, f"</textarea>{ATTACK}", long=True),
        ),
        ATTACK,
        title=ATTACK,
        hidden=((ATTACK, ATTACK),),
        note=ATTACK,
    ),
)


def test_what_strangers_send_is_text_everywhere() -> None:
    view = View(
        "test", ATTACK, about=ATTACK, problems=(Problem(State.BAD, ATTACK, ATTACK, ATTACK, "/x"),), parts=ATTACKED
    )
    found = whole(view, replace(FRAME, node=ATTACK, version=ATTACK, path="/services?q=%3Cscript%3E"))
    assert len(found.all("script")) == 4
    assert found.all("img") == []
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert found.text.count("<script>alert(1)</script>") > 20


# Its parts


def test_a_table_has_what_the_script_needs() -> None:
    found = Seen(rendered(Table("services", "Services", COLUMNS, (ROW,), sortable=True)))
    assert found.all("table") == [{"id": "services", "class": "list"}]
    assert found.all("tr")[1] == {"class": "bad", "data-key": "/svc/a/b"}
    cells = found.all("td")
    assert [each["data-k"] for each in cells] == ["word", "success", "p99", "line"]
    assert [each.get("data-s") for each in cells] == ["0", "82.8", "88.4", None]
    assert [each.get("class") for each in cells] == [None, "n", "n p2", "p3"]
    assert [each.get("data-sort") for each in found.all("th")[:5]] == ["", "", "", "", None]
    assert found.all("th")[5]["scope"] == "row"
    assert found.all("div")[0] == {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Services"}
    assert found.all("a")[0]["href"] == "./service?name=/svc/a/b&x=<"


def test_a_state_is_colour_shape_and_word() -> None:
    markup = rendered(Table("t", "T", COLUMNS, (ROW,)))
    assert (
        '<span class="st bad"><svg viewBox="0 0 10 10" aria-hidden="true"><path d="M0 0H10V10H0Z"/></svg>failing'
        in markup
    )
    assert '<span class="hot">82.8</span>' in markup


def test_a_form_keeps_what_else_was_asked() -> None:
    form = Form("filter", (Field("q", "filter", "a"), Field("s", "state", "b", ("b", "c"))), "Filter", search=True)
    found = Seen(rendered(form))
    assert found.all("form") == [
        {"class": "find", "role": "search", "id": "filter", "method": "get", "action": "./services"}
    ]
    assert [(each["name"], each["value"], each["type"]) for each in found.all("input")] == [
        ("q", "a", "search"), ("n", "5", "hidden"),
    ]  # fmt: skip
    assert [(each["value"], "selected" in each) for each in found.all("option")] == [
        ("", False), ("b", True), ("c", False),
    ]  # fmt: skip
    post = Seen(rendered(Form("draft", (Field("d", "draft", "x", long=True),), "Go", path="/names", post=True)))
    assert post.all("form") == [{"class": "draft", "id": "draft", "method": "post", "action": "./names"}]


def test_a_deep_tree_is_no_trouble() -> None:
    node = Node("/end")
    for _ in range(3000):
        node = Node("/x", below=(node,))
    assert rendered(Tree("t", "T", node)).count("<li>") == 3001


# Drawings


def test_lines_begin_at_nothing_and_break_where_nothing_is_known() -> None:
    assert means([1.0, 3.0, None, 5.0, None, None], 3) == [2.0, 5.0, None]
    assert points([0.0, 10.0, None, 5.0], 30, 10, 0, 10) == ["0.0,10.0 10.0,0.0", "30.0,5.0 30.0,5.0"]
    assert points([20.0, -5.0], 10, 10, 0, 10) == ["0.0,0.0 10.0,10.0"]
    assert points([], 10, 10, 0, 0) == []


def test_a_few_failures_do_not_look_like_a_fire() -> None:
    low, high = (re.findall(r'cy="([\d.]+)"', spark((x,) * 60, Kind.FAILURES, "f").markup)[0] for x in (0.01, 40.0))
    assert float(low) > 14 > 1 > float(high) - 1
    assert spark((None,) * 60, Kind.LINE, "p99").markup == '<span class="dim">–</span>'


def test_scales() -> None:
    success = Line("success", Kind.PERCENT, 99.9, (99.9, 100.0))
    assert scale(success, ()) == (99.0, 100.0)
    assert scale(replace(success, values=(82.0, 100.0)), ()) == (0.0, 100.0)
    low, high = scale(Line("p99", Kind.MS, 1.0, (10.0, None)), (Line("p95", Kind.MS, 1.0, (100.0,)),))
    assert (low, round(high)) == (0.0, 108)
    assert scale(Line("p99", Kind.MS, None, (None,)), ()) == (0.0, 1.0)


# The graph


def edge(source: str, target: str, rate: float = 1.0) -> Edge:
    return Edge(source, target, State.OK, "ok", rate, 100.0, 1.0)


def test_a_layer_is_the_longest_way() -> None:
    edges = [edge("in", "web"), edge("web", "cart"), edge("in", "cart"), edge("cart", "db")]
    assert layers(edges) == {"in": 0, "web": 1, "cart": 2, "db": 3}


def test_circles_are_cut_where_least_goes() -> None:
    edges = [edge("a", "b", 10), edge("b", "c", 10), edge("c", "a", 0.1), edge("c", "c", 5)]
    assert layers(edges) == {"a": 0, "b": 1, "c": 2}


names = st.sampled_from("abcdefgh")


@given(st.lists(st.builds(edge, names, names, st.floats(0.1, 100)), max_size=40))
def test_every_name_has_one_place(edges: list[Edge]) -> None:
    depth = layers(edges)
    rows = ordered(edges, depth)
    placed = [name for row in rows for name in row]
    assert sorted(placed) == sorted({end for each in edges for end in (each.source, each.target)})


def test_boxes_stand_near_those_that_call_them() -> None:
    edges = [edge("a", "x"), edge("b", "y"), edge("a", "x2"), edge("b", "y2")]
    assert [set(row[:2]) for row in ordered(edges, layers(edges))] == [{"a", "b"}, {"x", "x2"}]


def test_the_drawing_says_what_the_table_says() -> None:
    bad = replace(edge("web", "cart", 31.4), state=State.BAD, success=83.0, path="/service?name=/svc/cart")
    markup = rendered(Graph("graph", "", (edge("in", "web"), bad)))
    found = Seen(markup)
    assert [each["data-l"] for each in found.all("path") if "data-l" in each] == ["1.0/s", "31.4/s 83.0 %"]
    assert found.all("a")[2]["href"] == "./service?name=/svc/cart"
    assert "cart: 31.4 requests per second, ok" in found.text
    assert "Nobody has called anybody" in rendered(Graph("graph", "", ()))
