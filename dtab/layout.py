"""A dtab for people to read: one dentry per line, comments kept where they were.

The text means the same as before, and laying it out once more changes nothing.
"""

import re
from collections import deque

from dtab.grammar import Located, read_dentries
from dtab.scanner import Scanner

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_SAME_LINE = re.compile(r"[^\S\n]*;?[^\S\n]*")


def lay_out(text: str) -> str:
    """Write the dtab `text` anew: `prefix => tree;`, at most one empty line in a row; "" where there is nothing.

    A comment on the line where a dentry ends stays behind it; one inside a dentry goes above it.

    Raises:
        ParseError: `text` is no dtab.
    """
    scanner = Scanner(text)
    layout = _Layout(text)
    dentries = read_dentries(scanner)
    comments = deque(scanner.comments)
    for dentry in dentries:
        while comments and comments[0][0] < dentry.end:
            layout.comment(*comments.popleft())
        layout.dentry(dentry)
        if comments and _SAME_LINE.fullmatch(text, dentry.end, comments[0][0]):
            layout.comment_behind(*comments.popleft())
    for comment in comments:
        layout.comment(*comment)
    return "".join(f"{line}\n" for line in layout.lines)


class _Layout:
    """The lines so far, and how much of the text they stand for."""

    __slots__ = ("_done", "_text", "lines")

    def __init__(self, text: str) -> None:
        self._text = text
        self._done = 0
        self.lines: list[str] = []

    def comment(self, offset: int, text: str) -> None:
        self._add(text.rstrip(), offset, offset + len(text))

    def comment_behind(self, offset: int, text: str) -> None:
        self.lines[-1] += f"  {text.rstrip()}"
        self._done = offset + len(text)

    def dentry(self, dentry: Located) -> None:
        self._add(f"{dentry.prefix.show()} => {dentry.tree.show()};", dentry.offset, dentry.end)

    def _add(self, line: str, start: int, end: int) -> None:
        """Add what stands between `start` and `end`, and an empty line where the text has some before it."""
        if self.lines and _BLANK_LINE.search(self._text, self._done, start):
            self.lines.append("")
        self.lines.append(line)
        self._done = end
