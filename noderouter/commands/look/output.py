"""Where the commands write: colour only on a terminal, and nothing from the network that could control it.

It is written with `write(2)`, in a thread: a reader who stands still (Ctrl-S, a pager) must not keep Ctrl-C from being
heard, and what waits then is left behind.
"""

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

import trio

from noderouter.commands.look.bell import Bell

_CONTROL: Final = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
_COLOUR: Final = r"\x1b\[(?:0|[1-9]|[34][0-79]|9[0-7])?m"
_CONTROLS: Final = re.compile(_CONTROL)
_BUT_COLOURS: Final = re.compile(f"({_COLOUR})|{_CONTROL}")
PLAIN_AGAIN: Final = "\x1b[0m"
USUAL_SIZE: Final = (80, 24)


class LookError(Exception):
    """Something cannot be had; the message says what, why, and what to do."""


class Output:
    """A file descriptor to write to, and what is known of who reads there."""

    def __init__(self, descriptor: int = 1, environment: Mapping[str, str] = os.environ, encoding: str = "") -> None:
        self._descriptor = descriptor
        if descriptor == 1 and sys.stdout is None:  # what has its number now is something else of ours
            raise LookError("standard output is closed")
        self.terminal = _is_terminal(descriptor)
        # https://no-color.org: present, and not empty
        self.colour = self.terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self.moves = self.terminal and environment.get("TERM") != "dumb"
        """Whether the cursor can be moved."""
        self._encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
        self.ascii = not self._encoding.lower().replace("-", "").startswith("utf")
        self.resized = Bell()
        """Rung when the terminal has another size."""

    def __repr__(self) -> str:
        return f"<Output {self._descriptor} terminal={self.terminal} colour={self.colour}>"

    def size(self) -> tuple[int, int]:
        """Return columns and lines of the terminal, as they are now."""
        try:
            columns, lines = os.get_terminal_size(self._descriptor)
        except OSError:
            return USUAL_SIZE
        return columns or USUAL_SIZE[0], lines or USUAL_SIZE[1]  # a terminal that knows none says 0

    def tinted(self, colour: int, text: str) -> str:
        """Return text in one of the colours of ECMA-48 (31 is red), where there are any."""
        return f"\x1b[{colour}m{text}{PLAIN_AGAIN}" if self.colour and text else text

    async def say(self, text: str) -> None:
        """Write text and a line's end; of control bytes only colours are left, and these only where there are any.

        Raises:
            BrokenPipeError: nobody reads there any more.
            LookError: it cannot be written.
        """
        await self.put(clean(text, self.colour) + "\n")

    async def put(self, text: str) -> None:
        """Write text as it is: it is ours, or was cleaned.

        Raises:
            BrokenPipeError: nobody reads there any more.
            LookError: it cannot be written.
        """
        data = text.encode(self._encoding, "replace")
        await trio.to_thread.run_sync(self._write, data, abandon_on_cancel=True)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise LookError(f"standard output: {error.strerror}") from None


def clean(text: str, colours: bool = False) -> str:
    """Return text without what controls a terminal, or turns the direction of writing; tabs and line ends stay."""
    if not colours:
        return _CONTROLS.sub("", re.sub(_COLOUR, "", text))
    cleaned = _BUT_COLOURS.sub(lambda found: found[1] or "", text)
    return cleaned + PLAIN_AGAIN if "\x1b" in cleaned else cleaned


def one_line(text: str) -> str:
    """Return text of strangers without line ends and tabs, too."""
    return clean(text).replace("\n", " ").replace("\t", " ")


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
