"""What namers might answer, where there are none to ask: every name below `/#/` exists, and stands for itself.

So a dtab can be tried on the command line. Names below `/$/` that only rewrite do so; others stand for themselves, too.
"""

from collections.abc import Collection
from typing import Final

from dtab.binder import Answer
from dtab.path import Path
from dtab.result import Bound, Ok
from dtab.tree import NEG, Leaf
from dtab.utility import lookup as utility

NAMERS: Final = Path.of("#")


def lookup(path: Path, negative: Collection[Path] = ()) -> Answer:
    """The answer for a name; those that begin with one of `negative` do not exist."""
    if any(path.starts_with(prefix) for prefix in negative):
        return Ok(NEG)
    if path.starts_with(NAMERS):
        return Ok(Leaf(Bound(path, Path.EMPTY, None)))
    return utility(path) or Ok(NEG)
