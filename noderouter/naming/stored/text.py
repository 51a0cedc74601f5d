"""What a stored text is written in, and why one is refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Generic, TypeVar

from noderouter.naming.files.content import MAX_FILE_BYTES

T = TypeVar("T")

HASH_LENGTH: Final = 16
LONG: Final = 8 * 1024
"""A text above this is read aside: a KB takes some 2 ms."""


@dataclass(frozen=True, slots=True)
class TextError:
    """Why a text is not in effect; `line` and `column` count from 1, 0 where there is no place."""

    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class LogEvents:
    """What a stored text is logged as; see docs/log-events.md."""

    loaded: str
    invalid: str
    missing: str
    last_good: str
    kept: str
    not_kept: str


@dataclass(frozen=True, slots=True)
class Language(Generic[T]):
    """What a text means, and what people call it."""

    name: str
    """With its article where it takes one: `dtab` is "a dtab", "the dtab"."""
    empty: T
    """In effect where there is no text."""
    parse: Callable[[str], T | TextError]
    show: Callable[[T], str]
    """The same text for the same meaning: comments, blanks and line ends do not count. It is hashed."""
    size: Callable[[T], int]
    events: LogEvents
    reason: str
    """What the reasons of Events begin with: `Dtab` for `DtabInvalid`."""
    annotation: str
    """Of the ConfigMap with the last good text, and of the router's pod: the hash of what is in effect."""
    counted: str = "entries"
    """What `size` counts, as a field of a log line."""
    without: str = ""
    """What it means that there is no text, for an Event."""
    optional: bool = field(default=False, kw_only=True)
    """Whether a ConfigMap without its key is as good as one with an empty text, and no cause for a warning."""

    def read(self, data: bytes) -> T | TextError:
        """Return what a text means, or why it means nothing."""
        if len(data) > MAX_FILE_BYTES:
            return TextError(f"larger than {MAX_FILE_BYTES} bytes")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            before = data[: error.start]
            return TextError("not UTF-8", before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        return self.parse(text)

    def hash(self, value: T) -> str:
        """Return the hash of a value."""
        return sha256(self.show(value).encode()).hexdigest()[:HASH_LENGTH]
