"""A configuration as it was written: plain values that remember where in the text they stand.

Between the readers (YAML, JSON) and the models. Mappings are `Block`s and lists are `Items`; pydantic takes
both for the dict and the list that they are, and whoever reports a problem finds its place through them.
Nothing of it outlives loading.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from noderouter.schema.problem import ConfigProblem

MOST_BYTES = 1 << 20
"""A configuration is read whole; more than this is not one."""

MOST_NODES = 100_000
"""Values in one file, those that aliases repeat included: what a file may expand to is bounded."""

DEEPEST = 50
"""Nesting; the readers recurse."""

MOST_PROBLEMS = 200
"""More are only counted: behind so many the first ones are what helps."""

SHORTENED = 80


class Mark(NamedTuple):
    """Where a value stands: offsets of its first character and behind its last."""

    start: int
    end: int


class Block(dict[str, object]):
    """A mapping. `checked_as` is the model that it was last checked as."""

    __slots__ = ("checked_as", "keys_at", "mark", "values_at")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}
        self.checked_as: type | None = None


class Items(list[object]):
    """A list."""

    __slots__ = ("items_at", "mark")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.items_at: list[Mark] = []


class Unreadable(Exception):
    """The text is not YAML or JSON from here on; the rest cannot be checked."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


@dataclass(slots=True)
class Source:
    """The text of a file, what is wrong with it so far, and how offsets become lines and columns."""

    name: str
    text: str
    problems: list[ConfigProblem] = field(default_factory=list)
    unreported: int = 0
    """Problems beyond `MOST_PROBLEMS`."""

    def position(self, index: int) -> tuple[int, int]:
        """Return line and column of an offset, from 1."""
        return self.text.count("\n", 0, index) + 1, index - self.text.rfind("\n", 0, index)

    def excerpt(self, mark: Mark) -> str:
        """Return the text at a mark, on one line and shortened; nothing for lists and mappings of YAML."""
        text = " ".join(self.text[mark.start : mark.end].split())
        return text if len(text) <= SHORTENED else text[:SHORTENED] + "..."

    def report(self, mark: Mark, path: str, message: str, hint: str | None = None, *, at: int | None = None) -> None:
        """Add a problem with the text at `mark`; `at` is a more exact place within it, whose line is shown then."""
        if len(self.problems) >= MOST_PROBLEMS:
            self.unreported += 1
            return
        if at is not None:
            mark = Mark(self.text.rfind("\n", 0, at) + 1, (self.text + "\n").index("\n", at))
        line, column = self.position(mark.start if at is None else at)
        self.problems.append(ConfigProblem(line, column, path, message, self.excerpt(mark), hint))

    def report_repeated(self, block: Block, key: str, mark: Mark, path: str) -> None:
        """Add the problem that `key`, again at `mark`, stands in `block` already."""
        if len(self.problems) >= MOST_PROBLEMS:
            self.unreported += 1
            return
        line, _ = self.position(block.keys_at[key].start)
        self.report(mark, path, f"key repeated; it stands in line {line} already")
