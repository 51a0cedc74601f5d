"""A page on a terminal of any size, painted anew in place; what was on the terminal before comes back at the end.

Lines are cut at the terminal's width and pages at its height, each time by the size of that moment: a terminal that
wraps would move everything else. Another size, and the last page is painted again.
"""

import re
from types import TracebackType
from typing import Final, Self
from unicodedata import combining, east_asian_width

import trio

from noderouter.commands.look.output import PLAIN_AGAIN, Output, clean

_BEGIN: Final = "\x1b[?1049h\x1b[?25l"
"""The other screen, without a cursor."""
_END: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST: Final = "\x1b[J"
_PIECES: Final = re.compile(r"\x1b\[[0-9]*m|.", re.DOTALL)
PARTING_SECONDS: Final = 0.5
"""For a terminal that stands still when we leave it."""


class Screen:
    """The terminal while inside; whoever leaves finds the last page below what was there before."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._page = ""

    async def __aenter__(self) -> Self:
        await self._output.put(_BEGIN)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.move_on_after(PARTING_SECONDS, shield=True):
            await self._output.put(_END)
            if self._page:
                await self._output.say(self._page)

    async def show(self, page: str, seconds: float) -> None:
        """Paint a page, and stay with it for so long."""
        self._page = page
        with trio.move_on_after(seconds):
            while True:
                resized = self._output.resized.next
                columns, lines = self._output.size()
                shown = [cut(line, columns) for line in clean(page, self._output.colour).split("\n")[:lines]]
                await self._output.put(_HOME + "\r\n".join(line + _REST_OF_LINE for line in shown) + _REST)
                await resized.wait()


def cut(line: str, columns: int) -> str:
    """Return a line that takes `columns` at most; colours take none, and end with the line."""
    room = columns
    kept = []
    coloured = False
    for piece in _PIECES.findall(line.replace("\t", " ")):
        if piece[0] == "\x1b":
            coloured = True
            kept.append(piece)
            continue
        room -= 0 if combining(piece) else 2 if east_asian_width(piece) in "WF" else 1
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + (PLAIN_AGAIN if coloured else "")
