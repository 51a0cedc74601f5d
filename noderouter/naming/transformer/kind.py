"""The role `transformer`: changes what a name was bound to, before the balancer sees it.

A transformed bound name says so: its id gets the prefix `/%/<transformer>/...` in front.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from dtab import Bound, NameTree, Path
from noderouter.naming.lookup import State
from noderouter.naming.runtime import Runtime
from noderouter.schema.fields import PathText
from noderouter.schema.kind import AfterValidator, Kind

ROOT = Path.of("%")
"""What the ids of transformed names start with."""


class Transformer:
    """A function from bound trees to bound trees."""

    prefix: Path
    """What it puts in front of ids, such as `/%/io.l5d.localhost`."""

    def transform(self, tree: NameTree[Bound]) -> NameTree[Bound]:
        """Return the tree with its bound leaves changed; addresses are changed lazily, on read."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """Return what the admin interface shows of its own watches, ready for JSON; empty where it has none."""
        return {}


def _apart(path: Path) -> Path:
    if not path or {b"#", b"$"} & set(path.labels):
        raise ValueError(
            f"{path.show()} cannot be a transformer's prefix: it needs a label, as in /via-router, and none that is #"
            " or $, with which the name begins that was transformed"
        )
    return path


class TransformerKind(Kind):
    """Configuration of one transformer; every kind has these keys."""

    prefix: Annotated[PathText, AfterValidator(_apart)] | None = None
    """What follows `/%` in the ids of transformed names; the kind and what tells it from others of the kind, where it
    is not given."""

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        raise NotImplementedError

    def full_prefix(self, *details: str) -> Path:
        """What the ids of transformed names start with: `/%/<kind>/<details>`, or `/%` and the configured `prefix`."""
        return ROOT + (Path.of(self.kind_name, *details) if self.prefix is None else self.prefix)


def states_of(transformers: tuple[Transformer, ...]) -> Iterator[tuple[Path, State]]:
    """Yield the states of transformers that watch something, by their prefixes (without the `/%`)."""
    for transformer in transformers:
        if type(transformer).state is not Transformer.state:
            yield transformer.prefix.drop(len(ROOT)), transformer.state


def transformed(tree: NameTree[Any], transformers: tuple[Transformer, ...]) -> NameTree[Any]:
    """Return `tree` after all transformers, in order."""
    for transformer in transformers:
        tree = transformer.transform(tree)
    return tree
