"""What is odd about a dtab: legal text that can hardly be meant.

    syntax          the text is no dtab; nothing else is looked at
    unreachable     a later dentry takes every such name and never falls back; or an alternative behind such a one
    duplicate       a later dentry says the same of the same names
    shadowed        a later dentry with a wider prefix comes first; the earlier one is only its fallback
    loop            names that are rewritten for ever
    unknown-namer   a path below `/$/` or `/#/` that no namer answers
    dead-end        a path that nothing matches: always negative

Each is decided without asking any namer, so only what holds whatever they would answer is reported.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from dtab.dtab import Dentry, Dtab
from dtab.grammar import Located, parse_dentries
from dtab.index import Index
from dtab.loops import find_loops
from dtab.path import Path
from dtab.prefix import Prefix
from dtab.result import Bound, Ok
from dtab.scanner import ParseError, line_and_column
from dtab.tree import EMPTY, FAIL, NEG, Alt, Leaf, NameTree, Union
from dtab.utility import ROOT, known, lookup

_NAMERS_ROOT: Final = b"#"
_STAR: Final = b"\0*"
"""Stands for the `*` of a prefix that is looked up itself: a label that no dentry names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd, and where the dentry begins that it is about."""

    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.code}: {self.message}"


def lint(text: str, namers: Collection[Path] | None = None) -> list[Finding]:
    """Look for oddities in a dtab.

    Args:
        text: the dtab.
        namers: prefixes of all configured namers, such as `/#/io.l5d.fs`; None where they are not known.
    """
    try:
        located = parse_dentries(text)
    except ParseError as error:
        return [Finding(error.line, error.column, "syntax", str(error))]
    linter = _Linter(located, namers)
    findings = [
        Finding(*line_and_column(text, located[position].offset), code, message)
        for position, code, message in linter.check()
    ]
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code, finding.message))


class _Certainty(Enum):
    """What is known of a tree whatever the namers say."""

    NONE = "it may be negative"
    DECIDED = "it is not negative, but it may fail"
    NAMED = "it neither is negative nor fails"


_OF_TERMINAL: Final[dict[NameTree[Any], _Certainty]] = {
    NEG: _Certainty.NONE,
    FAIL: _Certainty.DECIDED,
    EMPTY: _Certainty.NAMED,
}

_Raw = tuple[int, str, str]
"""Position of a dentry, code, message."""


class _Linter:
    """The checks, over one table."""

    def __init__(self, located: list[Located], namers: Collection[Path] | None) -> None:
        self._dentries = [Dentry(one.prefix, one.tree) for one in located]
        self._namers = namers
        # One entry per prefix: a thousand fallbacks for one prefix must not be compared pairwise.
        self._by_prefix: dict[Prefix, list[int]] = {}
        for position, dentry in enumerate(self._dentries):
            self._by_prefix.setdefault(dentry.prefix, []).append(position)
        self._prefixes = list(self._by_prefix)
        self._index = Index(self._prefixes)
        self._rewrites_utility = self._index.touches((ROOT,))
        self._last_decisive = [
            max((at for at in positions if self._decides(self._dentries[at].dst)), default=-1)
            for positions in self._by_prefix.values()
        ]

    def check(self) -> Iterator[_Raw]:
        """All findings, in no order."""
        last_like: dict[Dentry, int] = {dentry: at for at, dentry in enumerate(self._dentries)}
        for position, dentry in enumerate(self._dentries):
            # `~` alone lets namers answer, twice it does not.
            if last_like[dentry] > position and dentry.dst is not NEG:
                yield position, "duplicate", f"{dentry.show()} is said again later"
            else:
                yield from self._behind_others(position, dentry)
            yield from self._alternatives(position, dentry)
            yield from self._leaves(position, dentry)
        yield from self._loops()

    def _behind_others(self, position: int, dentry: Dentry) -> Iterator[_Raw]:
        """Look at later dentries whose prefix matches whatever this one's does."""
        labels = tuple(_STAR if element is None else element for element in dentry.prefix.elements)
        covering, _ = self._index.find(labels)
        for number in covering:
            decisive = self._last_decisive[number]
            if decisive > position:
                by = self._dentries[decisive].show()
                yield position, "unreachable", f"{dentry.show()} is never used: {by} always comes first"
                return
        for number in covering:
            prefix = self._prefixes[number]
            if prefix != dentry.prefix and self._by_prefix[prefix][-1] > position:
                by = self._dentries[self._by_prefix[prefix][-1]].show()
                message = f"{dentry.show()} is used only where the later {by} is negative"
                yield position, "shadowed", message
                return

    def _alternatives(self, position: int, dentry: Dentry) -> Iterator[_Raw]:
        """Look for alternatives behind one that always decides."""
        todo: list[NameTree[Path]] = [dentry.dst]
        while todo:
            tree = todo.pop()
            todo.extend(tree.children)
            if isinstance(tree, Alt):
                for one, following in zip(tree.trees, tree.trees[1:], strict=False):
                    if self._decides(one):
                        message = f"{following.show()} is never tried: {one.show()} always comes first"
                        yield position, "unreachable", message
                        break

    def _leaves(self, position: int, dentry: Dentry) -> Iterator[_Raw]:
        for path in dict.fromkeys(dentry.dst.leaves()):
            if self._index.touches(path.labels):
                continue
            first = path.labels[:1]
            if first == (ROOT,):
                if len(path) > 1 and not known(path.labels[1]):
                    yield position, "unknown-namer", f"no namer {path.take(2).show()} for {path.show()}"
            elif first == (_NAMERS_ROOT,):
                if self._namers is not None and not any(
                    path.starts_with(namer) or namer.starts_with(path) for namer in self._namers
                ):
                    yield position, "unknown-namer", f"no configured namer for {path.show()}"
            else:
                yield position, "dead-end", f"nothing matches {path.show()}"

    def _loops(self) -> Iterator[_Raw]:
        dtab = Dtab(self._dentries)
        positions = {id(dentry): position for position, dentry in enumerate(self._dentries)}
        for loop in find_loops(dtab):
            shown = "; ".join(dentry.show() for dentry in loop.dentries)
            message = f"{loop.path.show()} is rewritten for ever by {shown}"
            yield min(positions[id(dentry)] for dentry in loop.dentries), "loop", message

    def _decides(self, tree: NameTree[Path]) -> bool:
        """Whether the tree is certainly never negative."""
        return self._certainty(tree) is not _Certainty.NONE

    def _certainty(self, tree: NameTree[Path]) -> _Certainty:
        match tree:
            case Leaf(path):
                return self._certainty_of_path(path)
            case Alt(trees):
                each = [self._certainty(one) for one in trees]
                if all(certainty is _Certainty.NONE for certainty in each):
                    return _Certainty.NONE
                return _Certainty.DECIDED if each[0] is _Certainty.NONE else each[0]
            case Union(branches):
                # A union drops what is negative and what fails; one member that is neither keeps it from Neg.
                named = any(self._certainty(branch.tree) is _Certainty.NAMED for branch in branches)
                return _Certainty.NAMED if named else _Certainty.NONE
            case _:
                return _OF_TERMINAL[tree]

    def _certainty_of_path(self, path: Path) -> _Certainty:
        """What a namer below `/$/` answers to `path` and to every longer one, if no dentry gets at it first."""
        answer = None if self._rewrites_utility else lookup(path)
        if not isinstance(answer, Ok):
            return _Certainty.NONE
        if isinstance(answer.tree, Leaf):
            return _Certainty.NAMED if isinstance(answer.tree.value, Bound) else _Certainty.NONE
        return _OF_TERMINAL[answer.tree]
