"""What the views of all nodes have beside those of one: the nodes as a table, the facts about them, what is missing."""

from collections.abc import Iterator
from typing import Final

from noderouter.admin.dashboard.numbers import plural
from noderouter.admin.dashboard.surroundings import SILENT_SECONDS
from noderouter.admin.dashboard.view import ORDER, Column, Fact, Kind, Link, Row, State, Table
from noderouter.admin.mesh.nodes import Mesh, Node

COLUMNS: Final = (
    Column("node", "node", Kind.NAME, short=""),
    Column("word", "state", Kind.STATE),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p99", "p99 ms", Kind.MS, drop=4, wide=2),
    Column("hash", "dtab", Kind.NAME, drop=1, wide=2),
    Column("watches", "watches", Kind.TEXT, drop=3, wide=3),
    Column("age", "last event s", Kind.COUNT, drop=2, wide=3, short="age s"),
    Column("capture", "interception", Kind.TEXT, drop=5, wide=3, short="capt."),
    Column("version", "version", Kind.TEXT, drop=6, wide=4),
    Column("address", "asked at", Kind.NAME, drop=8, wide=4),
    Column("why", "why", Kind.WHY, drop=9, wide=2),
)
SOME: Final = 8
"""Nodes on the overview."""


def nodes_table(mesh: Mesh, most: int, more: bool = False) -> Table:
    """Return the nodes, those with something to say first."""
    ranked = sorted(mesh.nodes, key=lambda each: (ORDER[each.state], each.name, each.address))
    rows = tuple(_row(each) for each in ranked[:most])
    note = f"{len(rows)} of {len(ranked)}; last 60 s" if len(rows) < len(ranked) else "last 60 s"
    link = Link("all nodes", "/health") if more and len(rows) < len(ranked) else None
    return Table("nodes", "Nodes", COLUMNS, rows, note, more=link, sortable=not more, total=len(ranked))


def _row(node: Node) -> Row:
    figures = node.figures
    known = node.heard
    return Row(
        f"{node.name} {node.address}",
        {
            "node": node.name,
            "word": node.word,
            "rate": figures.rate if known else None,
            "success": figures.success,
            "p99": figures.p99,
            "hash": node.hash[:8] if len(node.hashes) < 2 else node.hash,
            "watches": f"{node.live}/{node.watches}" if node.watches else "",
            "age": node.age if node.age is not None and node.age >= 0 else None,
            "capture": node.capture,
            "version": node.version,
            "address": node.address,
            "why": node.why,
        },
        node.state,
        note=node.why if node.state is not State.OK else "",
    )


def facts(mesh: Mesh) -> Iterator[Fact]:
    """Yield what is to be said of all nodes together."""
    missing = len(mesh.nodes) - mesh.heard
    said = f"{mesh.about} in the sums"
    yield Fact("nodes", said, State.WARN if missing else State.OK, "incomplete" if missing else "all")
    unready = sum(each.state is State.BAD for each in mesh.nodes)
    yield Fact(
        "ready",
        f"{plural(unready, 'node')} with something wrong" if unready else "nothing is wrong with any",
        State.BAD if unready else State.OK,
        "wrong" if unready else "ok",
    )
    heard = [each for each in mesh.nodes if each.heard]
    ages = [each.age for each in heard if each.age is not None]
    if ages:
        live, number = sum(each.live for each in heard), sum(each.watches for each in heard)
        stale = max(ages) > SILENT_SECONDS
        said = f"{live:,} of {number:,} live, the quietest for {max(ages):.0f} s"
        yield Fact("watches", said, State.WARN if stale else State.OK, "stale" if stale else "live")
    captures = [each.capture for each in heard if each.capture]
    if captures:
        on = captures.count("on")
        off = on < len(captures)
        yield Fact("interception", f"on for {on} of {plural(len(captures), 'node')}", State.WARN if off else State.OK,
                   "off" if off else "on")  # fmt: skip
    if mesh.incomplete:
        yield Fact("left out", mesh.incomplete, State.INFO, "limit")
