"""The interpreter: binds a logical name with a dtab and namers.

Reads happen through a `Reading`, so that whoever asked (a cached binding, the dtab playground) knows what the answer
depends on and keeps those watches open for as long as it needs them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dtab import NEG, Bound, Delegation, Dtab, Failed, NameTree, Ok, Path, Pending, bind
from dtab.limits import BASE, OVERRIDE
from dtab.steps import Node, Waiting
from noderouter.core.computed import Computed, Reading
from noderouter.core.readiness import Readiness
from noderouter.core.var import Var
from noderouter.naming.interpreter.explore import explore
from noderouter.naming.lookup import Lookup, Namer, State
from noderouter.naming.service_names import ServiceNames
from noderouter.naming.transformer.kind import Transformer, states_of, transformed

Result = Pending | Ok[NameTree[Bound]] | Failed
"""What a name is bound to."""

Stored = Dtab | Pending | Failed
"""A dtab from outside the configuration (a file, a ConfigMap)."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a router gives its interpreter: its own dtab, and the namers in the order of the configuration.

    `utility` answers names below `/$/`.
    """

    dtab: Var[Dtab]
    namers: Sequence[Namer]
    utility: Namer


class Interpreter:
    """Binds with `stored ++ router's dtab ++ local dtab`; later entries are stronger."""

    def __init__(self, sources: Sources, stored: Var[Stored], transformers: tuple[Transformer, ...] = ()) -> None:
        """`transformers` change every result, in their order."""
        self._router_dtab = sources.dtab
        # A later namer is asked first; names of the configuration are asked before the built-in ones.
        self._namers = (*reversed(sources.namers), sources.utility)
        self._stored = stored
        self._transformers = transformers
        self._base = Computed(lambda reading: self._joined(reading, reading.read(self._router_dtab)))

    def bind(self, path: Path, local: Dtab | None, reading: Reading) -> Result:
        """Bind `path` with what is known now; what that depends on is in `reading`."""
        base = reading.read(self._base)
        if not isinstance(base, Dtab):
            return base
        reading.passing = local is not None
        dtab, limits = (base, BASE) if local is None else (base + local, OVERRIDE)
        result = bind(dtab, path, lambda name: self.lookup(name, reading), limits=limits).result
        if isinstance(result, Ok) and self._transformers:
            return Ok(transformed(result.tree, self._transformers))
        return result

    def bind_with(self, path: Path, dtab: Dtab, reading: Reading) -> Result:
        """Bind `path` with `dtab` in place of all that is configured; see `with_draft`."""
        result = bind(dtab, path, lambda name: self.lookup(name, reading)).result
        if isinstance(result, Ok) and self._transformers:
            return Ok(transformed(result.tree, self._transformers))
        return result

    def with_draft(self, draft: Dtab) -> Dtab:
        """Return what names would be bound with, if `draft` were what people edit: here, the router's own dtab."""
        stored = self._stored.value
        return stored + draft if isinstance(stored, Dtab) else draft

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Ask the namers whose prefix starts `path`; Neg falls to the next one."""
        for namer in self._namers:
            if path.starts_with(namer.prefix):
                answer = namer.lookup(path.drop(len(namer.prefix)), reading)
                if not (isinstance(answer, Ok) and answer.tree is NEG):
                    return answer
        return Ok(NEG)

    async def delegate(self, path: Path, dtab: Dtab | None = None, *, alone: bool = False) -> Delegation:
        """Return every step of binding `path`, each alternative included, for people to look at.

        `dtab` takes the place of the router's; the stored one comes before it, unless it is to be `alone`. Waits for
        what is pending, at most two seconds; what is pending still is shown so. Addresses are those of that moment
        (`Addr` values).
        """

        def joined(reading: Reading) -> Stored:
            if alone and dtab is not None:
                return dtab
            return self._joined(reading, reading.read(self._router_dtab) if dtab is None else dtab)

        return await explore(path, joined, self.lookup, self._transformers)

    def steps(self, path: Path, local: Dtab | None) -> Node:
        """Return the steps of binding `path` with what is known now; neither waits nor keeps anything."""

        def compute(reading: Reading) -> Node:
            base = reading.read(self._base)
            if not isinstance(base, Dtab):
                return Waiting(path, None)
            reading.passing = local is not None
            dtab, limits = (base, BASE) if local is None else (base + local, OVERRIDE)
            return bind(dtab, path, lambda name: self.lookup(name, reading), limits=limits).root

        return Computed(compute).value

    def service_names(self, prefix: Path) -> ServiceNames:
        """Return which names of a router with that `dstPrefix`, where they are of hosts, are one Service."""
        found = (namer.service_names(prefix) for namer in self._namers)
        return next((each for each in found if each is not None), ServiceNames(prefix))

    def names(self) -> list[Path]:
        """Return every bound name that namers can list at the moment."""
        return [name for namer in self._namers for name in namer.names()]

    def stored_dtab(self) -> Dtab | None:
        """Return the dtab from outside the configuration that is in effect; None where there is none."""
        stored = self._stored.value
        return stored if isinstance(stored, Dtab) and len(stored) else None

    def configured_dtab(self) -> Dtab | None:
        """Return the stored dtab and the router's, which names are bound with; None where it is not known."""
        base = self._base.value
        return base if isinstance(base, Dtab) else None

    def readiness(self) -> Readiness:
        """Return whether names can be bound."""
        stored, base = self._stored.value, self._base.value
        if isinstance(stored, Dtab) and isinstance(base, Dtab):
            entries = "entry" if len(base) == 1 else "entries"
            return Readiness(True, f"dtab of {len(base)} {entries} in effect")
        return Readiness(False, f"no dtab: {stored.message}" if isinstance(stored, Failed) else "no dtab yet")

    def state(self) -> dict[str, Any]:
        """Return what the admin interface shows of the interpreter, ready for JSON."""
        return {}

    def transformer_states(self) -> Iterator[tuple[Path, State]]:
        """Return the states of what transforms its results, by name."""
        return states_of(self._transformers)

    def _joined(self, reading: Reading, dtab: Dtab) -> Stored:
        """Return the stored dtab and `dtab`, which is the stronger; the stored one's failure where there is one."""
        stored = reading.read(self._stored)
        return stored + dtab if isinstance(stored, Dtab) else stored
