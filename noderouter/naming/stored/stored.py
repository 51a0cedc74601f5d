"""A text from outside the configuration (a file, a ConfigMap): the last good one, and what is wrong with the newest.

An invalid text changes nothing: what is in effect stays in effect, and `last_error` says where the text is wrong. Where
nothing is in effect, `var` has the reason in place of a value.
"""

from time import time
from typing import Generic, TypeVar

from dtab import Failed, Pending
from noderouter.core.var import Var
from noderouter.naming.stored.text import Language, TextError

T = TypeVar("T")


class StoredText(Generic[T]):
    """The value in effect and its history. `name` is what error messages call its place."""

    def __init__(self, name: str, language: Language[T]) -> None:
        self.name = name
        self.language = language
        self.var: Var[T | Pending | Failed] = Var(Pending())
        self.last_error: TextError | None = None
        self.good = False
        """Whether a text was good here: ever, or since one that must be there was absent."""
        self.stands_in = False
        """Whether what is in effect is a text that others had before, since none was good here."""
        self.applied = 0
        """How often another value came into effect."""
        self.refused = 0
        """How often a text was not taken."""
        self.applied_at = 0.0
        """When that was last, by the wall clock; 0 where it never was."""
        self._hash: tuple[T, str] = (language.empty, language.hash(language.empty))

    @property
    def value(self) -> T | None:
        """The value in effect; None where there is none yet."""
        stored = self.var.value
        return None if isinstance(stored, Pending | Failed) else stored

    @property
    def hash(self) -> str | None:
        """The hash of the value in effect."""
        value = self.value
        if value is None:
            return None
        if value is not self._hash[0]:
            self._hash = (value, self.language.hash(value))
        return self._hash[1]

    def hashed(self, value: T, hash: str) -> None:
        """Remember the hash of a value that is about to come into effect."""
        self._hash = (value, hash)

    def apply(self, value: T, *, good: bool = True) -> None:
        """Put a value into effect; an equal one is no change. It is `good` unless it only comes of absence."""
        self.good = good
        self.stands_in = False
        self.last_error = None
        self._set(value)

    def stand_in(self, value: T) -> None:
        """Put a value into effect that was good elsewhere, while the one here is refused."""
        self.stands_in = True
        self._set(value)

    def refuse(self, error: TextError, *, hoping: bool = False) -> None:
        """Keep what is in effect; where nothing is, tell the reason in its place, unless `hoping`."""
        self.refused += 1
        self.last_error = error
        if not hoping:
            self.despair()

    def despair(self) -> None:
        """Tell the reason where nothing is in effect: there is no other value to use."""
        if self.value is None:
            self.var.set(Failed(f"{self.name}: {self.last_error}"))

    def lack(self, error: TextError) -> None:
        """Use the empty value, if nothing was there before: what was refused a moment ago may be on its way again."""
        self.last_error = error
        if isinstance(self.var.value, Pending):
            self._set(self.language.empty)

    def words(self) -> str:
        """What is in effect, and an edit that was refused, in a line."""
        words = f"hash {self.hash}" if self.hash is not None else ""
        if self.stands_in:
            words += ", the last good one of its peers"
        if self.last_error is not None:
            words += ("; " if words else "") + f"refused: {self.last_error}"
        return words

    def _set(self, value: T) -> None:
        if value != self.var.value:
            self.applied += 1
            self.applied_at = time()
        self.var.set(value)
