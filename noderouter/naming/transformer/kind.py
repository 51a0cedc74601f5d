"""The role `transformer`: changes what a name was bound to, before the balancer sees it.

A transformed bound name says so: its id gets the prefix `/%/<transformer>/...` in front.
"""

from typing import Protocol

from dtab import Bound, NameTree, Path
from noderouter.config.kind import Kind


class Transformer(Protocol):
    """A function from bound trees to bound trees."""

    prefix: Path
    """What the ids of transformed names start with."""

    def transform(self, tree: NameTree[Bound]) -> NameTree[Bound]:
        """The tree with its bound leaves changed; addresses are changed lazily, on read."""
        ...


class TransformerKind(Kind):
    """Configuration of one transformer."""

    def build(self) -> Transformer:
        """The transformer."""
        raise NotImplementedError
