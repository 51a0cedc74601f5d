"""A view as JSON: the data itself, unrounded. `null` is what is not known; a table has its rows by column."""

from collections.abc import Iterator
from typing import Any, assert_never

from noderouter.admin.dashboard.view import (
    Edge,
    Facts,
    Form,
    Frame,
    Graph,
    Line,
    Lines,
    Link,
    Node,
    Part,
    Problem,
    Row,
    Table,
    Tree,
    View,
    Words,
)
from noderouter.admin.dashboard.whose import ALL
from noderouter.telemetry.portions import Lazy, LazyList

Json = dict[str, Any]


def members(view: View, frame: Frame) -> Iterator[tuple[str, Any]]:
    """Yield the members of the object, for `portions.json_object`."""
    yield "view", view.name
    yield (
        "router",
        {
            "node": frame.node,
            "version": frame.version,
            "uptimeSeconds": round(frame.uptime_seconds, 1),
            "at": round(frame.at, 3),
            "wrong": dict(frame.wrong),
            **({"nodes": frame.nodes} if frame.nodes == ALL else {}),
        },
    )
    yield "title", view.title
    yield "about", view.about
    yield "windowSeconds", 60
    yield "problems", [_problem(each) for each in view.problems]
    for part in view.parts:
        if not isinstance(part, Form):
            yield part.key, _part(part)
    yield "links", [_link(each) for each in view.links]


def _problem(problem: Problem) -> Json:
    return {
        "state": problem.state.value,
        "word": problem.word,
        "what": problem.what,
        "text": problem.text,
        "since": problem.since,
        "path": problem.path,
    }


def _link(link: Link) -> Json:
    return {"what": link.what, "path": link.path}


def _part(part: Part) -> Any:
    match part:
        case Table():
            columns = [{"key": each.key, "label": each.label, "kind": each.kind.value} for each in part.columns]
            total = part.total or len(part.rows)
            found = {"title": part.title, "total": total, "columns": columns, "rows": LazyList(map(_row, part.rows))}
            return Lazy(found.items())
        case Facts():
            return [
                {"name": each.name, "state": each.state.value, "word": each.word, "text": each.text}
                for each in part.facts
            ]
        case Lines():
            return [_line(each) for each in part.lines]
        case Words():
            return part.text
        case Tree():
            return _node(part.root)
        case Graph():
            return LazyList(map(_edge, part.edges))
        case Form():
            return None
        case _:
            assert_never(part)


def _edge(edge: Edge) -> Json:
    return {
        "source": edge.source,
        "service": edge.target,
        "state": edge.state.value,
        "rate": edge.rate,
        "success": edge.success,
        "serviceP99Ms": edge.p99_ms,
    }


def _row(row: Row) -> Json:
    found: Json = {"key": row.key, "status": row.state.value, **row.cells}
    if row.path:
        found["path"] = row.path
    if row.note:
        found["note"] = row.note
    return found


def _line(line: Line) -> Json:
    return {"label": line.label, "kind": line.kind.value, "now": line.now, "values": list(line.values)}


def _node(root: Node) -> Json:
    """Return the tree; not by recursion, since a delegation may be deep."""
    found = _shallow(root)
    todo = [(root, found)]
    while todo:
        node, into = todo.pop()
        for child in node.below:
            shown = _shallow(child)
            into.setdefault("below", []).append(shown)
            todo.append((child, shown))
    return found


def _shallow(node: Node) -> Json:
    found: Json = {"name": node.name}
    if node.share is not None:
        found["share"] = node.share
    if node.cause:
        found["cause"] = node.cause
    if node.state is not None:
        found["state"] = node.state.value
    if node.word:
        found["word"] = node.word
    return found
