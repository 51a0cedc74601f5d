r"""The characters of the dtab language: white space, comments, labels, weights, and what to say when one is wrong.

Every parser of this package (path, prefix, tree, dtab) reads through a `Scanner`. Regular expressions take the
good case in one step; only when they stop early does character-by-character code find out what was expected,
so that the texts of errors are exactly those of Finagle and Linkerd.

Invariants: `0 <= position <= len(text)`; a failed read raises and leaves `position` at the offending character.
Character classes are explicit ASCII tables, except white space, which is Unicode's, as in Linkerd.
"""

import re
from typing import Final, NoReturn

END: Final = "end of input"

_SHOWABLE = r"[0-9A-Za-z_:.#$%\-]"
_ESCAPE = r"\\x[0-9a-fA-F]{2}"
_LABEL = rf"(?:{_SHOWABLE}|{_ESCAPE})+"
_PATH = re.compile(rf"/(?:{_LABEL}(?:/{_LABEL})*)?")
_PREFIX = re.compile(rf"/(?:(?:\*|{_LABEL})(?:/(?:\*|{_LABEL}))*)?")
_BLANK = re.compile(r"(?:\s++|#[^\n]*+)*+")
_COMMENT = re.compile(r"#[^\n]*")
_NUMBER = re.compile(r"[0-9]*(?:\.[0-9]*)?")
_HEX = re.compile(r"[0-9a-fA-F]")
_ESCAPED_BYTE = re.compile(rb"\\x(..)")

MAX_WEIGHT: Final = 1e100
"""Sums and products of weights stay finite."""

_WHOLE_TEXT: Final = 1000
"""A longer text is not repeated whole in a message; `_AROUND` characters on both sides are."""
_AROUND: Final = 200


class ParseError(ValueError):
    """A text is not in the language; `str()` is Linkerd's message, word for word.

    Attributes:
        text: what was being parsed.
        offset: the index of the offending character; `len(text)` at the end of input.
        expected: what would have been right there.
        found: what was there instead.
    """

    def __init__(self, text: str, offset: int, expected: str) -> None:
        self.text = text
        self.offset = offset
        self.expected = expected
        self.found = f"'{text[offset]}'" if offset < len(text) else END
        super().__init__(f"{expected} expected but {self.found} found at '{self._excerpt()}'")

    @property
    def line(self) -> int:
        """The line of the offending character, from 1."""
        return line_and_column(self.text, self.offset)[0]

    @property
    def column(self) -> int:
        """Its column in that line, from 1."""
        return line_and_column(self.text, self.offset)[1]

    def _excerpt(self) -> str:
        """The text with the offending character in brackets; bounded, for it may end up in a header."""
        text, offset = self.text, self.offset
        before, after = text[:offset], text[offset + 1 :]
        if len(text) > _WHOLE_TEXT:
            before = before if len(before) <= _AROUND else "…" + before[-_AROUND:]
            after = after if len(after) <= _AROUND else after[:_AROUND] + "…"
        return f"{before}[{text[offset : offset + 1]}]{after}"


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Where in `text` that is, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class Scanner:
    """A position in a text, and the readers that move it.

    Attributes:
        text: what is read.
        position: where the next reader starts.
        last_end: where the last thing ended that was no blank, as of the last `skip_blank`.
        comments: offset and text of every comment that was skipped.
    """

    __slots__ = ("_blank_end", "comments", "last_end", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.last_end = 0
        self.comments: list[tuple[int, str]] = []
        self._blank_end = 0

    def expected(self, what: str) -> NoReturn:
        """Refuse the text: `what` should have been here.

        Raises:
            ParseError: always.
        """
        raise ParseError(self.text, self.position, what)

    def peek(self) -> str:
        """The character here, or "" at the end."""
        return self.text[self.position : self.position + 1]

    def take(self, character: str) -> bool:
        """Move past `character` if it is here."""
        if self.text.startswith(character, self.position):
            self.position += 1
            return True
        return False

    def require(self, character: str) -> None:
        """Move past `character`.

        Raises:
            ParseError: something else is here.
        """
        if not self.take(character):
            self.expected(f"'{character}'")

    def skip_blank(self) -> None:
        """Move past white space and comments (`#` to the end of the line)."""
        blank = _BLANK.match(self.text, self.position)
        assert blank is not None  # it matches the empty string
        if self.position != self._blank_end:
            self.last_end = self.position
        if "#" in blank[0]:
            found = _COMMENT.finditer(self.text, *blank.span())
            self.comments += [(comment.start(), comment[0]) for comment in found]
        self.position = self._blank_end = blank.end()

    def require_end(self) -> None:
        """Move past trailing blanks and insist that nothing follows.

        Raises:
            ParseError: something does.
        """
        self.skip_blank()
        if self.position < len(self.text):
            self.expected(END)

    def labels(self) -> tuple[bytes, ...]:
        """Read a path, blanks before it included.

        Raises:
            ParseError: no '/' here, or something that is no label after one.
        """
        return tuple(_unescape(element) for element in self._elements(_PATH))

    def prefix_elements(self) -> tuple[bytes | None, ...]:
        """Read a dentry's prefix, blanks before it included; None stands for `*`.

        Raises:
            ParseError: no '/' here, or something that is no label after one.
        """
        return tuple(None if element == "*" else _unescape(element) for element in self._elements(_PREFIX))

    def weight(self) -> float | None:
        """Read `number '*'` and the blanks after it, or nothing: then None.

        Raises:
            ParseError: a number with two dots, without digits, too great, or without its '*'.
        """
        number = _NUMBER.match(self.text, self.position)
        assert number is not None  # it matches the empty string
        if not number[0]:
            return None
        self.position = number.end()
        if self.peek() == ".":
            self.expected("number char")
        if number[0] == ".":
            # Linkerd names the dot but marks what follows it; a mark on the dot says the same and is right.
            self.position = number.start()
            self.expected("weight")
        value = float(number[0])
        if value > MAX_WEIGHT:
            self.position = number.start()
            self.expected(f"weight up to {MAX_WEIGHT:g}")
        self.skip_blank()
        self.require("*")
        self.skip_blank()
        return value

    def _elements(self, pattern: re.Pattern[str]) -> list[str]:
        self.skip_blank()
        found = pattern.match(self.text, self.position)
        if found is None:
            self.expected("'/'")
        start, self.position = self.position, found.end()
        self._check_end_of_label()
        return self.text[start + 1 : self.position].split("/") if self.position > start + 1 else []

    def _check_end_of_label(self) -> None:
        """The pattern stopped here; complain if it did so inside an escape or before a missing label."""
        last = self.text[self.position - 1]
        if self.peek() == "/" and last != "/":
            self.position += 1
            if self.peek() != "\\":
                self.expected("label char")
            last = "/"
        if self.peek() == "\\" and last != "*":
            self.position += 1
            self.require("x")
            while _HEX.match(self.text, self.position):
                self.position += 1
            self.expected("hex char")


def _unescape(label: str) -> bytes:
    r"""A label's bytes, each `\xHH` replaced by the byte it stands for."""
    raw = label.encode("ascii")
    if b"\\" not in raw:
        return raw
    return _ESCAPED_BYTE.sub(lambda escape: bytes.fromhex(escape[1].decode("ascii")), raw)
