"""`?watch=2`: a page of text again and again, until its reader leaves; a frame ends with an empty line.

Watchers are few, and each has a task of its own. One who does not read for half a minute is cut (`admin.app`).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import trio

from noderouter.admin.dashboard.query import Query, number
from noderouter.admin.dashboard.render import text
from noderouter.admin.dashboard.view import Frame, View
from noderouter.admin.message import RETRY_AFTER, TEXT, Response, Stream
from noderouter.admin.message import text as plain
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import lines

LONGEST: Final = 60
"""Seconds between two frames."""
CLEAR: Final = "\x1b[H\x1b[2J"
"""Written before a frame where colour is asked for: that reader has a terminal."""

Draw = Callable[[], Awaitable[tuple[View, Frame]]]


def watch(query: Query, style: text.Style, state: AdminState, draw: Draw) -> Response:
    """Return the stream of frames, each as `draw` makes it; 503 where as many look as may.

    Raises:
        BadQuery: `watch` is no number of seconds.
    """
    every = number(query, "watch", 2, 1, LONGEST)
    watchers = state.watchers
    try:
        watchers.acquire_nowait()
    except trio.WouldBlock:
        words = f"{watchers.max_value} watch already, which is all that may; try again later\n"
        return plain(words, 503, (RETRY_AFTER,))
    return Stream(
        status=200,
        content_type=TEXT,
        headers=(("x-accel-buffering", "no"),),
        pieces=_frames(every, style, draw, state.ending),
        close=watchers.release,
    )


async def _frames(every: float, style: text.Style, draw: Draw, ending: trio.Event) -> AsyncGenerator[bytes, None]:
    due = trio.current_time()
    while not ending.is_set():
        view, frame = await draw()
        begin = CLEAR.encode() if style.colour else b""
        yield begin + b"".join(await lines(text.steps(view, frame, style))) + b"\n"
        due = max(due + every, trio.current_time())
        with trio.move_on_at(due):
            await ending.wait()
