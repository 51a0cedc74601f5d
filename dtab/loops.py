"""Names that a dtab rewrites for ever.

Binding such a name fails at the depth limit. To find them, every prefix of the table is tried as a name (with some
label for each `*`), alone and with some label behind it; all it can be rewritten to is followed, through rewriting
namers too. What is found is certain; a loop that only names with particular further labels get into may be missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dtab.binder import MAX_DEPTH
from dtab.dtab import Dentry, Dtab
from dtab.limits import MAX_LABELS
from dtab.path import Path
from dtab.result import Ok
from dtab.utility import lookup

_SOME_LABEL: Final = b"any"
_MAX_STEPS: Final = 50_000
"""Names looked at in all; a table that needs more is not searched to the end."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A name, and the dentries that lead from it back to it, or to names that grow without end."""

    path: Path
    dentries: tuple[Dentry, ...]


def find_loops(dtab: Dtab) -> list[Loop]:
    """The loops of `dtab`, each once."""
    walk = _Walk(dtab)
    loops: dict[frozenset[int], Loop] = {}
    for dentry in dtab:
        labels = tuple(_SOME_LABEL if element is None else element for element in dentry.prefix.elements)
        for start in (Path(labels), Path((*labels, _SOME_LABEL))):
            loop = walk.follow(start)
            if loop is not None:
                loops.setdefault(frozenset(map(id, loop.dentries)), loop)
    return list(loops.values())


_Step = tuple[Dentry | None, Path]
"""A rewriting: by which dentry (None: a namer), to what."""


class _Walk:
    """A depth-first search over names; what was searched once is not searched again."""

    __slots__ = ("_done", "_dtab", "_steps_left")

    def __init__(self, dtab: Dtab) -> None:
        self._dtab = dtab
        self._done: set[Path] = set()
        self._steps_left = _MAX_STEPS

    def follow(self, start: Path) -> Loop | None:
        """The first loop on a way from `start`."""
        if start in self._done:
            return None
        way: list[_Step] = [(None, start)]
        open_steps = [self._steps(start)]
        depths = {start: 0}
        while open_steps:
            step = next(open_steps[-1], None)
            self._steps_left -= 1
            if self._steps_left < 0:
                return None
            if step is None:
                open_steps.pop()
                _, path = way.pop()
                del depths[path]
                self._done.add(path)
            elif step[1] in depths:
                self._done.update(depths)
                return _loop(step[1], [*way[depths[step[1]] + 1 :], step])
            elif len(way) > MAX_DEPTH or len(step[1]) > MAX_LABELS:
                self._done.update(depths)
                return _loop(start, _last_round([*way, step]))
            elif step[1] not in self._done:
                depths[step[1]] = len(way)
                way.append(step)
                open_steps.append(self._steps(step[1]))
        return None

    def _steps(self, path: Path) -> Iterator[_Step]:
        matches = self._dtab.matches(path)
        for dentry in matches:
            for target in dentry.apply(path).leaves():
                yield dentry, target
        answer = None if matches else lookup(path)
        if isinstance(answer, Ok):
            for value in answer.tree.leaves():
                if isinstance(value, Path):
                    yield None, value


def _loop(path: Path, way: list[_Step]) -> Loop:
    return Loop(path, tuple(dentry for dentry, _ in way if dentry is not None))


def _last_round(way: list[_Step]) -> list[_Step]:
    """The end of an endless way, from where its last dentry was used before; all of it if that never was."""
    last = next(dentry for dentry, _ in reversed(way) if dentry is not None)
    for position in range(len(way) - 2, 0, -1):
        if way[position][0] is last:
            return way[position + 1 :]
    return way
