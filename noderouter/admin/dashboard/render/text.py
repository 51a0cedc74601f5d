"""A view as a page of text for a terminal: 80 columns, no escape codes unless asked for, cut and never wrapped tables.

Marks are ASCII and have three columns, because squares and triangles are wide in some terminals. Colour is only on the
marks and on the cells that HTML colours.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from time import gmtime, strftime
from typing import Final, assert_never

from noderouter.admin.dashboard.numbers import duration, percent, rate, shade, written
from noderouter.admin.dashboard.render.columns import WIDTH, apart, bars, clean, cut, left, plain, right, width, wrap
from noderouter.admin.dashboard.view import (
    LINES,
    NUMBERS,
    ORDER,
    Cell,
    Column,
    Edge,
    Facts,
    Form,
    Frame,
    Graph,
    Kind,
    Lines,
    Link,
    Node,
    Problem,
    Row,
    State,
    Table,
    Tree,
    View,
    Words,
    filled,
)

MARKS: Final = {State.BAD: "!! ", State.WARN: "!  ", State.INFO: "+  ", State.OK: "   ", State.OFF: "-  "}
_COLOURS: Final = {State.BAD: "\x1b[31m", State.WARN: "\x1b[33m", State.INFO: "\x1b[34m"}
_PLAIN_AGAIN: Final = "\x1b[0m"
_GAP: Final = 2
_NAMES: Final = frozenset({Kind.NAME, Kind.TEXT, Kind.WHY})


@dataclass(frozen=True, slots=True)
class Style:
    """What the reader's terminal is to be given."""

    colour: bool = False
    ascii: bool = False


def lines(view: View, frame: Frame, style: Style = Style()) -> Iterator[str]:
    """Yield the lines of the page."""
    return (line for line in steps(view, frame, style) if line is not None)


def steps(view: View, frame: Frame, style: Style = Style()) -> Iterator[str | None]:
    """Yield the lines of the page, and None where others may have a turn: a large table is measured first."""
    for line in _Page(frame, style).whole(view):
        if line is None:
            yield None
            continue
        shown = line.rstrip()
        yield plain(shown) if style.ascii else shown


class _Page:
    def __init__(self, frame: Frame, style: Style) -> None:
        self._frame = frame
        self._style = style

    def whole(self, view: View) -> Iterator[str | None]:
        frame = self._frame
        clock = strftime("%H:%M:%S", gmtime(frame.at)) + " UTC"
        name = view.terse or f"{frame.version}  up {duration(frame.uptime_seconds)}"
        aside = f"{view.aside}   {clock}" if view.aside else clock
        yield apart(clean(f"noderouter {frame.node}  {name}"), clean(aside))
        yield "─" * WIDTH
        if view.about:
            yield from wrap(clean(view.about), WIDTH)
        yield from self._problems(view.problems)
        for part in view.parts:
            match part:
                case Table():
                    yield from self._table(part)
                case Facts():
                    yield from self._facts(part)
                case Lines():
                    yield from self._lines(part)
                case Words():
                    yield from _section(part.title, part.note)
                    for line in part.text.splitlines():
                        yield "   " + clean(line)
                case Tree():
                    yield from _section(part.title, part.note)
                    yield from self._tree(part.root)
                case Graph():
                    yield from self._graph(part)
                case Form():
                    pass
                case _:
                    assert_never(part)
        yield from self._links(view.links)

    def _coloured(self, state: State | None, text: str) -> str:
        """Return the text in the colour of the state; blanks around it stay as they are."""
        colour = _COLOURS.get(state) if self._style.colour and state is not None else None
        return f"{colour}{text}{_PLAIN_AGAIN}" if colour and text.strip() else text

    def _problems(self, problems: Sequence[Problem]) -> Iterator[str]:
        for each in problems:
            # The object may be longer than its column: then the sentence begins below it.
            head = f"{left(clean(each.word), 8)} {left(clean(each.what), 18)} "
            room = WIDTH - 3 - 28
            said = wrap(clean(each.text), room)
            mark = self._coloured(each.state, MARKS[each.state])
            if width(head) > 28:
                yield mark + cut(head.rstrip(), WIDTH - 3)
                yield from (" " * 31 + line for line in said)
            else:
                yield mark + left(head, 28) + said[0]
                yield from (" " * 31 + line for line in said[1:])

    def _table(self, table: Table) -> Iterator[str | None]:
        yield from _section(table.title, table.note)
        if not table.rows:
            yield from wrap("   " + clean(table.empty), WIDTH)
            return
        columns, cells, widths = yield from _fitting(table)
        heads = _joined(
            columns, [cut(_head(column), size) for column, size in zip(columns, widths, strict=True)], widths
        )
        group: Cell = None
        notes: list[Row] = []
        if not table.group and heads.strip():
            yield heads
        for row, found in zip(table.rows, cells, strict=True):
            if table.group and row.cells.get(table.group) != group:
                yield from _notes(notes)
                notes = []
                if group is not None:
                    yield ""
                group = row.cells.get(table.group)
                yield apart(clean(str(group)), clean(table.about.get(str(group), "")))
                yield heads
            shown = _joined(columns, found, widths)
            yield self._tinted(row, columns, found, widths) if self._style.colour else shown
            if row.note:
                notes.append(row)
        yield from _notes(notes)
        missing = table.total - len(table.rows)
        if table.more is not None and (missing > 0 or not table.total):
            yield f"   {f'{missing:,} more: ' if missing > 0 else ''}{clean(table.more.what)}: {clean(table.more.path)}"

    def _tinted(self, row: Row, columns: Sequence[Column], found: list[str], widths: list[int]) -> str:
        line = ""
        for place, (column, text, size) in enumerate(zip(columns, found, widths, strict=True)):
            padded = right(text, size) if column.kind in NUMBERS else left(text, size)
            if place == 0:
                padded = self._coloured(row.state, padded[:3]) + padded[3:]
            else:
                state = row.state if column.kind is Kind.STATE else shade(column.kind, row.cells.get(column.key))
                padded = self._coloured(state, padded)
            line += padded + " " * _GAP
        return line

    def _facts(self, facts: Facts) -> Iterator[str]:
        yield from _section(facts.title, facts.note)
        names = min(24, max((width(clean(each.name)) for each in facts.facts), default=0))
        words = min(14, max((width(clean(each.word)) for each in facts.facts), default=0))
        for each in facts.facts:
            mark = self._coloured(each.state, MARKS[each.state])
            word = f"{left(cut(clean(each.word), words), words)}  " if words else ""
            head = word + left(cut(clean(each.name), names), names) + "  "
            said = wrap(clean(each.text), WIDTH - 3 - width(head))
            yield mark + head + said[0]
            yield from (" " * (3 + width(head)) + line for line in said[1:])
        if facts.more is not None:
            yield f"   {clean(facts.more.what)}: {clean(facts.more.path)}"

    def _lines(self, part: Lines) -> Iterator[str]:
        yield ""
        yield f"{'':12}{'now':>8}  {'10 minutes, oldest first':<26}{'low':>8}{'high':>8}"
        for line in part.lines:
            known = [value for value in line.values if value is not None]
            low, high = (written(line.kind, each(known)) if known else "–" for each in (min, max))
            now = self._coloured(line.state, f"{written(line.kind, line.now):>8}")
            yield f"{clean(line.label):12}{now}  {bars(line.values, 20):<26}{low:>8}{high:>8}"

    def _tree(self, root: Node) -> Iterator[str]:
        todo = [(root, "", "")]
        while todo:
            node, lead, below = todo.pop()
            share = f"{node.share * 100:.4g} % " if node.share is not None else ""
            mark = "" if node.state is None else node.word
            name = clean(f"{share}{node.name}")
            behind = clean(f"[{node.dentry}]" if node.dentry else f"[{node.cause}]" if node.cause else "")
            room = WIDTH - 27
            if width(lead + name) > room:
                yield cut(lead + name, WIDTH)
                line = " " * room
            else:
                line = left(lead + name, room)
            yield f"{line} {left(behind, 9)} {self._coloured(node.state, cut(clean(mark), 16))}"
            last = len(node.below) - 1
            for place in range(last, -1, -1):
                corner, on = ("└ ", "  ") if place == last else ("├ ", "│ ")
                todo.append((node.below[place], below + corner, below + on))

    def _graph(self, graph: Graph) -> Iterator[str]:
        if not graph.edges:
            return
        yield from _section(graph.title, graph.note)
        by_source: dict[str, list[Edge]] = {}
        for edge in graph.edges:
            by_source.setdefault(edge.source, []).append(edge)
        worst = {name: min(ORDER[edge.state] for edge in edges) for name, edges in by_source.items()}
        ranked = sorted(by_source, key=lambda name: (worst[name], -_total(by_source[name]), name))
        yield f"{'':50}{'req/s':>8}{'ok %':>8}{'p99 ms':>8}"
        quiet = [name for name in ranked if worst[name] >= ORDER[State.OK]]
        for name in ranked:
            if name not in quiet:
                yield from self._calls(name, by_source[name])
        if quiet:
            yield ""
            yield f"{'ALL OK':<35}{'req/s':>8}  calls"
        for name in quiet:
            calls = ", ".join(
                clean(edge.target) for edge in sorted(by_source[name], key=lambda each: -(each.rate or 0))
            )
            yield f"   {left(cut(clean(name), 32), 32)}{rate(_total(by_source[name])):>8}  {cut(calls, WIDTH - 45)}"

    def _calls(self, name: str, edges: list[Edge]) -> Iterator[str]:
        yield f"  {left(cut(clean(name), 48), 48)}{rate(_total(edges)):>8}"
        ranked = sorted(edges, key=lambda each: (ORDER[each.state], -(each.rate or 0), each.target))
        shown = ranked if len(ranked) <= 6 else ranked[:5]
        rest = ranked[len(shown) :]
        for place, edge in enumerate(shown):
            corner = "└" if place == len(shown) - 1 and not rest else "├"
            word = "" if edge.state in (State.OK, State.INFO) else f"  {edge.word}"
            mark = self._coloured(edge.state, MARKS[edge.state][:2])
            target = left(cut(clean(edge.target + word), 45), 45)
            figures = f"{rate(edge.rate):>8}{percent(edge.success):>8}{written(Kind.MS, edge.p99_ms):>8}"
            yield f"{mark}{corner}─ {target}{figures}"
        if rest:
            yield f"  └─ {left(f'{len(rest)} more', 45)}{rate(_total(rest)):>8}"

    def _links(self, links: Sequence[Link]) -> Iterator[str]:
        if links:
            yield ""
            yield "─" * WIDTH
        for link in links:
            yield from self._command(link)

    def _command(self, link: Link) -> Iterator[str]:
        """Yield a command that can be pasted whole; what it shows stands behind it where there is room."""
        path, what = clean(link.path), clean(link.what)
        if path.startswith("curl"):
            command = path.replace("{}", self._frame.base)
        else:
            command = f"{self._frame.base}{path}"
            command = f"curl '{command}'" if any(char in command for char in "?&%#") else f"curl {command}"
        if not what:
            yield command
        elif len(command) <= 53 and len(what) < 24:
            yield f"{command:<53}  # {what}"
        elif len(command) + len(what) < WIDTH - 4:
            yield f"{command}  # {what}"
        else:
            yield command


def _section(title: str, note: str) -> Iterator[str]:
    yield ""
    if title:
        head = clean(title)
        yield apart(head.upper(), cut(clean(note), WIDTH - width(head) - 2))


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield from _hanging(f"   {clean(row.key.partition(' ')[0])}: ", clean(row.note))


def _hanging(head: str, text: str) -> Iterator[str]:
    said = wrap(text, max(20, WIDTH - width(head)))
    yield head + said[0]
    yield from (" " * width(head) + line for line in said[1:])


def _total(edges: Sequence[Edge]) -> float:
    return sum(edge.rate or 0.0 for edge in edges)


def _head(column: Column) -> str:
    return column.label if column.short is None else column.short


def _cell(column: Column, row: Row) -> str:
    value = row.cells.get(column.key)
    if column.kind in LINES and isinstance(value, tuple):
        return bars(value, floor=1.0 if column.kind is Kind.FAILURES else 0.0)
    return clean(written(column.kind, value))


def _fitting(table: Table) -> Generator[None, None, tuple[list[Column], list[list[str]], list[int]]]:
    """Return the columns that fit, their cells and widths: the highest `drop` leaves first, then names are cut."""
    below = any(row.note for row in table.rows)  # there is the reason, then
    columns: list[Column] = []
    texts: list[list[str]] = []
    widths: list[int] = []
    for column in filled(table):
        if column.key == table.group or (below and column.kind is Kind.WHY and column.drop):
            continue
        first, found = not columns, []
        widest = 0 if first else width(_head(column))
        for row in table.rows:
            text = (MARKS[row.state] if first else "") + _cell(column, row)
            found.append(text)
            widest = max(widest, width(text))
            yield
        columns.append(column)
        texts.append(found)
        widths.append(widest)
    while (over := sum(widths) + _GAP * (len(widths) - 1) - WIDTH) > 0 and any(each.drop for each in columns[1:]):
        place = max(range(1, len(columns)), key=lambda place: columns[place].drop)
        del columns[place], texts[place], widths[place]
    while over > 0:
        widest = max(
            (place for place, column in enumerate(columns) if column.kind in _NAMES), key=lambda place: widths[place]
        )
        less = min(over, max(1, widths[widest] - 12))
        widths[widest] -= less
        over -= less
    cells = []
    for row_texts in zip(*texts, strict=True):
        cells.append([cut(text, size) for text, size in zip(row_texts, widths, strict=True)])
        yield
    return columns, cells, widths


def _joined(columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]) -> str:
    texts = ["" if place == 0 and text == _head(columns[0]) else text for place, text in enumerate(texts)]
    return (" " * _GAP).join(
        right(text, size) if column.kind in NUMBERS else left(text, size)
        for column, text, size in zip(columns, texts, widths, strict=True)
    )
