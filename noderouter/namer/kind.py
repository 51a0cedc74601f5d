"""The role `namer`: answers names below `/#/<prefix>`.

A namer is asked synchronously, on the data path. It answers from Vars that its watches keep current; a Var that is
read through the `Reading` is held (its watch is open) while the binding that read it is in use.
"""

from typing import Any

from dtab import Bound, Failed, NameTree, Ok, Path, Pending
from noderouter.config.kind import Kind
from noderouter.naming.computed import Reading
from noderouter.naming.runtime import Runtime

Lookup = Pending | Ok[NameTree[Path | Bound]] | Failed
"""What a namer answers; path leaves are bound again through the whole dtab."""


class Namer:
    """The base of namers: what answers names below its `prefix`."""

    prefix: Path
    """Such as `/#/io.l5d.fs`."""

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Answer `path`, which is what follows the prefix; Neg where the name is not known."""
        raise NotImplementedError

    def names(self) -> list[Path]:
        """Every name that can be bound at the moment, with the prefix; empty where they cannot be listed."""
        return []

    def state(self) -> dict[str, Any]:
        """What the admin interface shows of the namer, ready for JSON."""
        return {}


class NamerKind(Kind):
    """Configuration of one namer; every kind has these keys."""

    prefix: str | None = None
    experimental: bool = False

    def build(self, runtime: Runtime) -> Namer:
        """The namer; its background tasks are started through `runtime`."""
        raise NotImplementedError
