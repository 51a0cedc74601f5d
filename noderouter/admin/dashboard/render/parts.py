"""The parts of a page as HTML: tables, facts, lines, trees, forms. `html` puts them together."""

from collections.abc import Iterator, Sequence
from time import gmtime, strftime
from typing import assert_never
from urllib.parse import parse_qsl

from noderouter.admin.dashboard.numbers import shade, written
from noderouter.admin.dashboard.render.drawing import chart, mark, spark
from noderouter.admin.dashboard.render.element import Child, Element, element, here, joined
from noderouter.admin.dashboard.render.graph import graph
from noderouter.admin.dashboard.view import (
    LINES,
    NUMBERS,
    Cell,
    Column,
    Fact,
    Facts,
    Field,
    Form,
    Graph,
    Kind,
    Line,
    Lines,
    Link,
    Node,
    Part,
    Row,
    State,
    Table,
    Tree,
    Words,
    filled,
)


def part(found: Part, path: str, at: float) -> Iterator[Element]:
    """Yield one part; `path` is the address of the page, `at` its time by the wall clock."""
    match found:
        case Table():
            yield from table(found)
        case Facts():
            yield heading(found.title, found.note, found.more)
            yield element("dl", [_fact(each) for each in found.facts], class_="facts", id=found.key)
        case Lines():
            yield charts(found, at)
        case Words():
            yield heading(found.title, found.note, None)
            yield words(found)
        case Tree():
            yield heading(found.title, found.note, None)
            yield element("ul", _tree(found.root), class_="tree", id=found.key)
        case Graph():
            yield from graph(found)
        case Form():
            yield heading(found.title, "" if found.search else found.note, None)
            yield form(found, path)
        case _:
            assert_never(found)


def heading(title: str, note: str, more: Link | None) -> Element:
    """Return the head of a section."""
    if not title:
        return joined()
    return element(
        "h2",
        title,
        element("small", note) if note else None,
        element("a", more.what, href=here(more.path)) if more is not None else None,
    )


def table(found: Table) -> Iterator[Element]:
    """Yield a table with its head, row by row: a large one is made in steps."""
    yield heading(found.title, found.note, found.more)
    if not found.rows:
        yield element("p", found.empty, class_="empty", id=found.key)
        return
    list_ = "list" if found.sortable else None
    columns = filled(found)
    yield Element(f'<div class="scroll" tabindex="0" role="region"{_attribute("aria-label", found.title)}>')
    yield Element(f"<table{_attribute('id', found.key)}{_attribute('class', list_)}>")
    yield element("caption", element("span", found.title, class_="vh"))
    yield element("thead", element("tr", [_head(each, found.sortable) for each in columns]))
    yield Element("<tbody>")
    for row in found.rows:
        yield _row(row, columns, found)
    yield Element("</tbody></table></div>")


def _attribute(name: str, value: str | None) -> str:
    """Return an attribute of an element that is written in pieces."""
    if value is None:
        return ""
    opening = element("x", **{name.replace("-", "_"): value}).markup
    return opening[len("<x") : opening.index("></x>")]


def _classes(column: Column, first: bool) -> str | None:
    found = []
    if column.kind in NUMBERS:
        found.append("n")
    if column.kind is Kind.NAME:
        found.append("name")
    if column.kind is Kind.WHY:
        found.append("why")
    if column.wide and not first:
        found.append(f"p{column.wide}")
    return " ".join(found) or None


def _head(column: Column, sortable: bool) -> Element:
    sorts = sortable and column.kind not in LINES and column.kind is not Kind.WHY
    return element(
        "th", column.label, scope="col", class_=_classes(column, False), data_k=column.key, data_sort=sorts or None
    )


def _row(row: Row, columns: Sequence[Column], found: Table) -> Element:
    cells = [_cell(column, row, place == 0) for place, column in enumerate(columns)]
    tone = row.state.value if row.state in (State.BAD, State.WARN) else None
    own = f"{found.key}-{row.key}" if found.anchors else None
    return element("tr", cells, class_=tone, data_key=row.key, id=own)


def _cell(column: Column, row: Row, first: bool) -> Element:
    value = row.cells.get(column.key)
    shown = _value(column, value, row)
    if first:
        shown = element("a", shown, href=here(row.path)) if row.path else shown
    sort: str | None = None
    if column.kind in NUMBERS:
        sort = "" if value is None else f"{value:.6g}" if isinstance(value, int | float) else str(value)
    elif column.kind is Kind.STATE:
        sort = str(list(State).index(row.state))
    elif column.kind not in LINES and column.kind is not Kind.WHY:
        sort = written(column.kind, value)
    return element(
        "th" if first else "td",
        shown,
        class_=_classes(column, first),
        scope="row" if first else None,
        data_k=column.key,
        data_s=sort,
    )


def _value(column: Column, value: Cell, row: Row) -> Child:
    if column.kind is Kind.STATE:
        return mark(row.state, written(Kind.STATE, value))
    if column.kind in LINES:
        tone = row.state if isinstance(value, tuple) else None
        word = row.cells.get("word")
        if (column.kind is Kind.FAILURES) != (word == "failing"):
            tone = None
        return spark(value if isinstance(value, tuple) else (), column.kind, column.label, tone)
    text = written(column.kind, value)
    tone = shade(column.kind, value)
    if tone is not None:
        return element("span", text, class_="hot" if tone is State.BAD else "warm")
    return broken(text) if column.kind is Kind.NAME else text


def broken(name: str) -> Child:
    """Return a name that may be broken into lines behind its slashes."""
    if name.count("/") < 2:
        return name
    head, *rest = name.split("/")
    found: list[Child] = [head]
    for place, each in enumerate(rest):
        found += ["/", element("wbr") if place else None, each]
    return joined(found)


def _fact(fact: Fact) -> Element:
    return joined(
        element("dt", fact.name),
        element(
            "dd",
            mark(fact.state, fact.word) if fact.word else None,
            " " if fact.word else None,
            element("span", fact.text, class_="dim" if fact.word else None),
            data_key=fact.name,
        ),
    )


def charts(found: Lines, at: float) -> Element:
    """Return figures over ten minutes, side by side; latencies share one drawing, the first in front."""
    begins, ends = (strftime("%H:%M", gmtime(each)) for each in (at - 600, at))
    latencies = [each for each in found.lines if each.kind is Kind.MS]
    shown: list[tuple[Line, Sequence[Line], str]] = [
        (each, (), each.label) for each in found.lines if each.kind is not Kind.MS
    ]
    if latencies:
        first, *others = latencies
        names = [name.label.partition(" ")[0] for name in latencies]
        styles = ["", " dashed", " dotted"]
        label = ", ".join(name + style for name, style in zip(names, styles, strict=False))
        shown.append((first, others, f"latency ms: {label}"))
    figures = [
        element(
            "figure",
            element(
                "figcaption",
                label,
                element("b", written(line.kind, line.now), class_="bad" if line.state is State.BAD else None),
            ),
            chart(line, others, begins, ends),
            data_key=line.label,
        )
        for line, others, label in shown
    ]
    return element("div", figures, class_="charts", id=found.key)


def words(found: Words) -> Element:
    """Return text as it stands; what is there to be copied gets a button from the script."""
    pre = element("pre", found.text, tabindex="0", role="region", aria_label=found.title or found.key, id=found.key)
    if not found.copy:
        return pre
    return element("div", pre, element("button", "Copy", type="button", hidden=True, class_="copier"), class_="copy")


def _tree(root: Node) -> Element:
    """Return the steps below each other; not by recursion, since a delegation may be deep."""
    made: dict[int, Element] = {}
    todo: list[tuple[Node, bool]] = [(root, False)]
    while todo:
        node, ready = todo.pop()
        if not ready:
            todo.append((node, True))
            todo += [(child, False) for child in node.below]
            continue
        below = [made.pop(id(child)) for child in node.below]
        made[id(node)] = element("li", _step(node), element("ul", below) if below else None)
    return made[id(root)]


def _step(node: Node) -> Element:
    by: Element | None = None
    if node.dentry:
        link = element("a", f"dentry {node.dentry}", href=f"#dentries-{node.dentry}", data_d=node.dentry)
        by = element("span", "by ", link, f" {node.cause}" if node.cause else None, class_="by")
    elif node.cause:
        by = element("span", node.cause, class_="by")
    return element(
        "div",
        element("span", f"{100 * node.share:.4g} %", class_="share") if node.share is not None else None,
        element("span", broken(node.name), class_="mono"),
        by,
        mark(node.state, node.word) if node.state is not None else None,
        class_="off" if node.state is State.OFF else None,
    )


def form(found: Form, path: str) -> Element:
    """Return a form; one that asks for this page anew keeps what else the page was asked for."""
    own = {each.name for each in found.fields} | {name for name, _ in found.hidden}
    page, _, query = path.partition("?")
    kept = [] if found.post else [(name, value) for name, value in parse_qsl(query) if name not in {*own, "as"}]
    hidden = [element("input", type="hidden", name=name, value=value) for name, value in (*found.hidden, *kept)]
    return element(
        "form",
        [_field(each, found.search) for each in found.fields],
        hidden,
        element("button", found.button, type="submit"),
        element("output", found.note, aria_live="polite") if found.search else None,
        class_="find" if not any(each.long for each in found.fields) else "draft",
        role="search" if found.search else None,
        id=found.key,
        method="post" if found.post else "get",
        action=here(found.path or page),
    )


def _field(field: Field, search: bool) -> Element:
    if field.long:
        return element(
            "label",
            element("span", field.label, class_="vh"),
            element("textarea", "\n", field.value, name=field.name, spellcheck="false", wrap="off"),
        )
    if field.options:
        options = [element("option", each, value=each, selected=each == field.value or None) for each in field.options]
        if field.value == "" or search:
            options.insert(0, element("option", "any", value=""))
        return element("label", field.label, element("select", options, name=field.name))
    if field.number:
        return element(
            "label", field.label, element("input", type="number", name=field.name, value=field.value, min=0, step="any")
        )
    label: Child = element("span", field.label, class_="vh") if search and field.name == "q" else field.label
    return element(
        "label",
        label,
        element(
            "input",
            type="search",
            name=field.name,
            value=field.value,
            placeholder=f"{field.label}   /" if search and field.name == "q" else None,
            autocomplete="off",
            spellcheck="false",
        ),
    )
