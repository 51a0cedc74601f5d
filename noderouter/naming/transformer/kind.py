"""The role `transformer`: changes what a name was bound to, before the balancer sees it.

A transformed bound name says so: its id gets the prefix `/%/<transformer>/...` in front.
"""

from typing import Any

from dtab import Bound, NameTree, Path
from noderouter.config.kind import Kind
from noderouter.naming.runtime import Runtime

ROOT = Path.of("%")
"""What the ids of transformed names start with."""


class Transformer:
    """A function from bound trees to bound trees."""

    prefix: Path
    """What it puts in front of ids, such as `/%/io.l5d.localhost`."""

    def transform(self, tree: NameTree[Bound]) -> NameTree[Bound]:
        """The tree with its bound leaves changed; addresses are changed lazily, on read."""
        raise NotImplementedError


class TransformerKind(Kind):
    """Configuration of one transformer."""

    def build(self, runtime: Runtime) -> Transformer:
        """The transformer."""
        raise NotImplementedError

    @property
    def prefix(self) -> Path:
        """`/%/<kind>`."""
        return ROOT + Path.of(self.kind_name)


def transformed(tree: NameTree[Any], transformers: tuple[Transformer, ...]) -> NameTree[Any]:
    """`tree` after all transformers, in order."""
    for transformer in transformers:
        tree = transformer.transform(tree)
    return tree
