"""What a namer is: it answers names below its prefix.

A namer is asked synchronously, on the data path. It answers from Vars that its watches keep current; a Var that is
read through the `Reading` is held (its watch is open) while the binding that read it is in use.
"""

from collections.abc import Callable, Iterator
from typing import Any

from dtab import Bound, Failed, NameTree, Ok, Path, Pending
from noderouter.core.computed import Reading
from noderouter.naming.service_names import ServiceNames

Lookup = Pending | Ok[NameTree[Path | Bound]] | Failed
"""What a namer answers; path leaves are bound again through the whole dtab."""

ROOT = Path.of("#")
"""What the names of configured namers start with."""

State = Callable[[], dict[str, Any]]
"""Called for each request of the admin interface."""


class Namer:
    """The base of namers: what answers names below its `prefix`."""

    prefix: Path
    """Such as `/#/io.l5d.fs`."""

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Answer `path`, which is what follows the prefix; Neg where the name is not known."""
        raise NotImplementedError

    def service_names(self, prefix: Path) -> ServiceNames | None:
        """Return which names below `prefix`, a router's, are one Service; None where this says nothing of hosts."""
        return None

    def names(self) -> list[Path]:
        """Return every name that can be bound now, with the prefix; empty where they cannot be listed."""
        return []

    def state(self) -> dict[str, Any]:
        """Return what the admin interface shows of the namer, ready for JSON."""
        return {}

    def states(self) -> Iterator[tuple[Path, State]]:
        """Yield states by name: the namer's, and those of its transformers."""
        yield self.prefix.drop(len(ROOT)), self.state
