"""What a page of the dashboard shows, as plain data: one value, of which text, HTML and JSON are made.

    View
    ├── problems    what is wrong, the worst first: state, object, cause, since when
    ├── parts       tables, facts, lines, trees, forms, in their order
    └── links       where to go from here

What is not in the view is in none of its forms. Numbers are raw: milliseconds, requests per second, percent as floats,
None where there is none; whoever renders rounds them (`numbers`). Nothing here is markup, and nothing is escaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class State(Enum):
    """How something is doing; always shown by colour, shape and word at once."""

    BAD = "bad"
    WARN = "warn"
    INFO = "info"
    OK = "ok"
    OFF = "off"


ORDER: Final = {state: place for place, state in enumerate(State)}
"""The worst first."""


class Kind(Enum):
    """What the values of a column are, which decides how they are written, aligned and compared."""

    NAME = "name"
    STATE = "state"
    TEXT = "text"
    WHY = "why"
    COUNT = "count"
    RATE = "rate"
    PERCENT = "percent"
    MS = "ms"
    LINE = "line"
    """Ten minutes in 60 slots of 10 s, the oldest first; a drawing whose floor is 0."""
    FAILURES = "failures"
    """Such a line, of percent that failed: its scale ends at 1 at least."""


NUMBERS: Final = frozenset({Kind.COUNT, Kind.RATE, Kind.PERCENT, Kind.MS})
LINES: Final = frozenset({Kind.LINE, Kind.FAILURES})

Cell = str | int | float | None | tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A way on: what is there, and its address on this very server, with its query."""

    what: str
    path: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    `label` is its head, `short` the one in text. `drop`: columns of the highest number leave first where a terminal is
    too narrow, those of 0 stay. `wide`: the least width of a browser's window that has it, as the class `p<wide>`; 0 is
    any.
    """

    key: str
    label: str
    kind: Kind = Kind.TEXT
    drop: int = 0
    wide: int = 0
    short: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a value for each column, by its key; `key` is what it is known by, `path` where it leads."""

    key: str
    cells: Mapping[str, Cell]
    state: State = State.OK
    path: str = ""
    note: str = ""
    """What is to be said of it below the table, where a terminal has no room in the row."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; the first column names the row. `empty` stands in the place of no rows."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    empty: str = "none"
    more: Link | None = None
    sortable: bool = False
    total: int = 0
    """Rows there are, where not all of them are in the table; 0 where they are."""
    anchors: bool = False
    """Whether rows can be pointed at, by the key of the table and their own."""
    group: str = ""
    """The key of the column whose value stands above its rows in text, instead of in them."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What stands beside it there."""


def filled(table: Table) -> list[Column]:
    """Return the columns in which anything stands; the first one in any case."""
    return [
        column
        for place, column in enumerate(table.columns)
        if place == 0 or not table.rows or any(row.cells.get(column.key) not in (None, "", ()) for row in table.rows)
    ]


@dataclass(frozen=True, slots=True)
class Fact:
    """A thing, how it is, and words about it."""

    name: str
    text: str
    state: State = State.OK
    word: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A list of facts."""

    key: str
    title: str
    facts: tuple[Fact, ...]
    note: str = ""
    more: Link | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One figure over the last ten minutes."""

    label: str
    kind: Kind
    now: float | None
    values: tuple[float | None, ...]
    state: State = State.OK


@dataclass(frozen=True, slots=True)
class Lines:
    """Figures over the last ten minutes, side by side."""

    key: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Text as it stands, such as a command or a dtab."""

    key: str
    title: str
    text: str
    note: str = ""
    copy: bool = False
    """Whether it is there to be copied."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a delegation, and those below it. `cause` is what led there, `share` the weight of a branch."""

    name: str
    cause: str = ""
    share: float | None = None
    state: State | None = None
    word: str = ""
    below: "tuple[Node, ...]" = ()
    dentry: int = 0
    """The number of the dentry that led there; 0 where none did."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of steps."""

    key: str
    title: str
    root: Node
    note: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One workload calls one service: figures of that edge, and the state of the service."""

    source: str
    target: str
    state: State
    word: str
    rate: float | None
    success: float | None
    p99_ms: float | None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Who calls whom; `note` says what was left out."""

    key: str
    title: str
    edges: tuple[Edge, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form: a text, a longer one, or a choice."""

    name: str
    label: str
    value: str = ""
    options: tuple[str, ...] = ()
    long: bool = False
    number: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A form that asks for this very view anew (GET), or posts to `path`; text and JSON have none."""

    key: str
    fields: tuple[Field, ...]
    button: str
    title: str = ""
    path: str = ""
    post: bool = False
    hidden: tuple[tuple[str, str], ...] = ()
    search: bool = False
    """Whether it narrows the table below it."""
    note: str = ""


Part = Table | Facts | Lines | Words | Tree | Graph | Form


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, or to be known: the sentence names the cause. `hurt` is how many requests a second it costs."""

    state: State
    word: str
    what: str
    text: str
    path: str = ""
    since: float | None = None
    """By the wall clock; None where nobody knows."""
    hurt: float = 0.0
    router: str = ""
    """Whose it is, where it is one router's: names and addresses of several may be the same."""


@dataclass(frozen=True, slots=True)
class View:
    """One page.

    `title` is the verdict, or the name of what it is about; `terse` the same in a terminal's first line; `about` a
    line below it.
    """

    name: str
    title: str
    about: str = ""
    terse: str = ""
    aside: str = ""
    problems: tuple[Problem, ...] = ()
    parts: tuple[Part, ...] = ()
    links: tuple[Link, ...] = ()
    status: int = 200
    mono: bool = False
    """Whether the title is a name."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every view: which router this is, and when.

    `views` are the addresses that are open here. `base` is where it was asked for, such as `localhost:9990`.
    """

    node: str
    version: str
    uptime_seconds: float
    at: float
    """By the wall clock."""
    base: str
    wrong: Mapping[str, int] = field(default_factory=dict)
    """How many problems there are, by the name of the view that has them."""
    views: frozenset[str] = frozenset()
    path: str = "/"
    """The address of this view, with its query."""
    nodes: str = ""
    """`all` where it is of all nodes, `one` where it might be; empty where there is no choice."""
