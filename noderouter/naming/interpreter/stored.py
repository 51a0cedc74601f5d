"""A dtab from outside the configuration (a file, a ConfigMap): the last good one, and what is wrong with the newest.

An invalid text changes nothing: what is in effect stays in effect, and `last_error` says where the text is wrong. Where
nothing was ever good, binding fails with that reason.
"""

from dataclasses import dataclass
from hashlib import sha256
from time import time
from typing import Any, Final

from dtab import Dtab, Failed, ParseError, Pending
from noderouter.core.readiness import Readiness
from noderouter.core.var import Var
from noderouter.naming.files.content import MAX_FILE_BYTES
from noderouter.naming.interpreter.interpreter import Interpreter, Sources, Stored
from noderouter.naming.interpreter.whatif import Moved
from noderouter.naming.transformer.kind import Transformer

HASH_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class DtabError:
    """Why a text is not in effect; `line` and `column` count from 1, 0 where there is no place."""

    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


def read_dtab(data: bytes) -> Dtab | DtabError:
    """Parse a text; return the dtab, or why it is none."""
    if len(data) > MAX_FILE_BYTES:
        return DtabError(f"larger than {MAX_FILE_BYTES} bytes")
    try:
        return Dtab.parse(data.decode("utf-8"))
    except ParseError as error:
        return DtabError(str(error), error.line, error.column)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        return DtabError("not UTF-8", before.count(b"\n") + 1, error.start - before.rfind(b"\n"))


def hash_of(dtab: Dtab) -> str:
    """Return the hash of a dtab: comments, blanks and line ends do not count, order does."""
    return sha256(dtab.show().encode()).hexdigest()[:HASH_LENGTH]


class StoredDtab:
    """The dtab in effect and its history. `name` is what error messages call its place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.var: Var[Stored] = Var(Pending())
        self.last_error: DtabError | None = None
        self.good = False
        """Whether a text was ever good."""
        self.stands_in = False
        """Whether what is in effect is a table that others had before, since no text was good here."""
        self.applied = 0
        """How often another dtab came into effect."""
        self.refused = 0
        """How often a text was not taken."""
        self.applied_at = 0.0
        """When that was last, by the wall clock; 0 where it never was."""
        self.moved: dict[str, Moved] = {}
        """By the label of a router: what the last edit did to its requests."""
        self._hash: tuple[Dtab, str] = (Dtab.EMPTY, hash_of(Dtab.EMPTY))

    @property
    def dtab(self) -> Dtab | None:
        """The dtab in effect; None where there is none yet."""
        stored = self.var.value
        return stored if isinstance(stored, Dtab) else None

    @property
    def hash(self) -> str | None:
        """The hash of the dtab in effect."""
        dtab = self.dtab
        if dtab is None:
            return None
        if dtab is not self._hash[0]:
            self._hash = (dtab, hash_of(dtab))
        return self._hash[1]

    def apply(self, dtab: Dtab) -> None:
        """Put a dtab into effect; an equal one is no change."""
        self.good = True
        self.stands_in = False
        self.last_error = None
        self._set(dtab)

    def stand_in(self, dtab: Dtab) -> None:
        """Put a dtab into effect that was good elsewhere, while the one here is refused."""
        self.stands_in = True
        self._set(dtab)

    def refuse(self, error: DtabError, *, hoping: bool = False) -> None:
        """Keep what is in effect; where nothing was ever good, binding fails with the reason, unless `hoping`."""
        self.refused += 1
        self.last_error = error
        if not hoping:
            self.despair()

    def despair(self) -> None:
        """Fail bindings with the reason where nothing is in effect: there is no other dtab to use."""
        if not (self.good or self.stands_in):
            self.var.set(Failed(f"{self.name}: {self.last_error}"))

    def lack(self, error: DtabError) -> None:
        """Use an empty dtab, if none was ever good."""
        self.last_error = error
        if not self.good:
            self._set(Dtab.EMPTY)

    def _set(self, dtab: Dtab) -> None:
        if dtab != self.var.value:
            self.applied += 1
            self.applied_at = time()
        self.var.set(dtab)


class StoredInterpreter(Interpreter):
    """An interpreter with a dtab from outside the configuration."""

    def __init__(self, stored: StoredDtab, sources: Sources, transformers: tuple[Transformer, ...]) -> None:
        super().__init__(sources, stored.var, transformers)
        self.stored = stored

    def with_draft(self, draft: Dtab) -> Dtab:
        """See `Interpreter`: what people edit is the stored dtab, and the router's own is the stronger."""
        return draft + self._router_dtab.value

    @property
    def last_error(self) -> DtabError | None:
        """Why the newest text is not in effect; None if it is."""
        return self.stored.last_error

    def readiness(self) -> Readiness:
        """See `Interpreter`; also reports the dtab in effect, and an edit that was refused."""
        known = super().readiness()
        words = known.reason
        if self.stored.hash is not None:
            words = f"{words}, hash {self.stored.hash}"
        if self.stored.stands_in:
            words = f"{words}, the last good one of its peers"
        if self.last_error is not None:
            words = f"{words}; refused: {self.last_error}"
        return Readiness(known.ready, words)

    def state(self) -> dict[str, Any]:
        """Return the dtab in effect, and the error."""
        dtab = self.stored.dtab
        return {
            "dtab": None if dtab is None else dtab.show(),
            "hash": self.stored.hash,
            "error": None if self.last_error is None else str(self.last_error),
        }
