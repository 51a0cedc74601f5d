"""The role `namer`: configures what answers names below `/#/<prefix>` (`lookup.Namer`)."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from dtab import Bound, Ok, Path
from noderouter.core.computed import Reading
from noderouter.naming.lookup import ROOT, Lookup, Namer, State
from noderouter.naming.runtime import Runtime
from noderouter.naming.service_names import ServiceNames
from noderouter.naming.transformer.kind import Transformer, TransformerKind, states_of, transformed
from noderouter.schema.fields import PathText
from noderouter.schema.kind import Kind, Several, kind_field

Transformers = Several[Annotated[TransformerKind, kind_field(TransformerKind, "noderouter.naming.transformer")]]
"""The key `transformers`."""


class NamerKind(Kind):
    """Configuration of one namer; every kind has these keys."""

    open_to_overrides: ClassVar[bool] = False
    """Whether dtabs of requests may use its names, whoever sends them: where they can lead to is only what is meant to
    be routed to."""

    prefix: PathText | None = None
    """What follows `/#` in its names; the name of the kind, where it is not given."""
    transformers: Transformers = ()

    def build(self, runtime: Runtime) -> Namer:
        """Build the namer, transformed if that is configured."""
        namer = self.make(runtime)
        if not self.transformers:
            return namer
        return TransformedNamer(namer, tuple(one.build(runtime) for one in self.transformers))

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer itself; its background tasks are started through `runtime`."""
        raise NotImplementedError

    @property
    def names_of_hosts(self) -> tuple[Path, ...]:
        """Prefixes of names, outside of the router's `dstPrefix`, that it gives to what a client's Host says.

        Dtabs of requests may be about these, and lead to them.
        """
        return ()

    @property
    def full_prefix(self) -> Path:
        """The prefix of its names."""
        return ROOT + (Path.of(self.kind_name) if self.prefix is None else self.prefix)


class TransformedNamer(Namer):
    """A namer whose bound answers are transformed. Answers that are to be bound again are left alone."""

    def __init__(self, namer: Namer, transformers: tuple[Transformer, ...]) -> None:
        self.prefix = namer.prefix
        self._namer = namer
        self._transformers = transformers

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Ask the namer, and transform."""
        answer = self._namer.lookup(path, reading)
        if isinstance(answer, Ok) and all(isinstance(leaf, Bound) for leaf in answer.tree.leaves()):
            return Ok(transformed(answer.tree, self._transformers))
        return answer

    def service_names(self, prefix: Path) -> ServiceNames | None:
        """Return what the namer says."""
        return self._namer.service_names(prefix)

    def names(self) -> list[Path]:
        """Return the namer's names."""
        return self._namer.names()

    def state(self) -> dict[str, Any]:
        """Return the namer's state."""
        return self._namer.state()

    def states(self) -> Iterator[tuple[Path, State]]:
        """Yield the namer's states, and those of its transformers."""
        yield from self._namer.states()
        yield from states_of(self._transformers)
