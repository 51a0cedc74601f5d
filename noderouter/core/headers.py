"""Header fields of one message, kept as they came.

The head parser hands over a *block*: field lines ``Name: value\\r\\n`` that are already known to be
well-formed (RFC 9112 section 5: no obs-fold, no space before the colon, no control bytes). A message that
is only carried through is never taken apart; look-ups search the block, case-insensitively.

Invariant: ``block`` is empty or ends in CRLF, and holds no bare CR or LF.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")


@lru_cache(maxsize=256)
def _finder(name: bytes) -> re.Pattern[bytes]:
    """A pattern for one field line of that name; bounded, because names may come from configuration only."""
    return re.compile(rb"(?:(?<=\n)|\A)(?i:" + re.escape(name) + rb"):([^\r\n]*+)\r\n")


def lines_called(names: Sequence[str], respelled: Sequence[str] = ()) -> re.Pattern[bytes]:
    """A pattern for field lines of these names in any case, `-` and `_` being the same; of `respelled` only others.

    They are to what is behind CGI or WSGI: what a client must not say has to go in every such spelling.
    """
    either = [_spellings(name) for name in names]
    either += [b"(?!" + re.escape(name.encode("ascii")) + b":)" + _spellings(name) for name in respelled]
    return re.compile(rb"(?:(?<=\n)|\A)(?i:" + b"|".join(either) + rb"):[^\r\n]*\r\n")


def _spellings(name: str) -> bytes:
    return re.sub(rb"[-_]", b"[-_]", re.escape(name.encode("ascii")).replace(rb"\-", b"-"))


class Headers:
    """The fields of a message head, in order and in their original spelling.

    `never` names those that no hop may put into a table of HTTP/2 (RFC 7541 section 6.2.3); of trailers only, as heads
    have them among their reserved fields.
    """

    __slots__ = ("block", "never")

    def __init__(self, block: bytes = b"", never: tuple[bytes, ...] | None = None) -> None:
        """Wrap `block`, which the codec vouches for."""
        self.block = block
        self.never = never

    def __repr__(self) -> str:
        return f"<Headers {self.block!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.block == other.block

    __hash__ = None  # type: ignore[assignment]

    def get(self, name: bytes) -> bytes | None:
        """The first value of `name` (any case) without surrounding white space, or None."""
        found = _finder(name).search(self.block)
        return found[1].strip(b" \t") if found else None

    def get_all(self, name: bytes) -> list[bytes]:
        """All values of `name`, in order."""
        return [value.strip(b" \t") for value in _finder(name).findall(self.block)]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Pairs of name (as spelt) and value."""
        for line in self.block.split(b"\r\n"):
            if line:
                name, _, value = line.partition(b":")
                yield name, value.strip(b" \t")

    def add(self, name: bytes, value: bytes) -> None:
        """Append a field.

        Raises:
            ValueError: name or value are not what RFC 9110 section 5 allows; nothing is added.
        """
        if FIELD_NAME.fullmatch(name) is None or FIELD_VALUE.fullmatch(value) is None:
            raise ValueError(f"not a header field: {name!r}: {value!r}")
        self.block += b"%b: %b\r\n" % (name, value)

    def remove(self, name: bytes) -> None:
        """Remove every field called `name`."""
        self.block = _finder(name).sub(b"", self.block)

    def remove_prefix(self, prefix: bytes) -> None:
        """Remove every field whose name starts with `prefix` (any case)."""
        pattern = rb"(?:(?<=\n)|\A)(?i:" + re.escape(prefix) + rb")[^:\r\n]*:[^\r\n]*\r\n"
        self.block = re.sub(pattern, b"", self.block)

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every field called `name` by one, at the end."""
        self.remove(name)
        self.add(name, value)
