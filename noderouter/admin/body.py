"""Reads a request body to its end, whatever its size, and keeps a bounded part of it.

Hypercorn hands pieces over through a short queue and waits while it is full, also after the application has
answered. So a body that is not read would hold its connection for ever: it is always read, and if it does not end
in time, reading goes on (`drain`) until the answer is out and hypercorn closes the connection.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import trio

LIMIT_BYTES: Final = 1 << 20
SECONDS: Final = 5.0

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientLeft(Exception):
    """The client closed its connection before the request was complete."""


@dataclass(frozen=True, slots=True)
class Body:
    """What was read. `complete` says whether the request has ended."""

    data: bytes
    too_large: bool
    complete: bool


async def read_body(receive: Receive, limit: int = LIMIT_BYTES, seconds: float = SECONDS) -> Body:
    """Read until the body ends or the time is over; what is above `limit` is thrown away.

    Raises:
        ClientLeft: there is nobody to answer.
    """
    data = bytearray()
    too_large = complete = False
    with trio.move_on_after(seconds):
        while not complete:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece = message.get("body", b"")
            too_large = too_large or len(data) + len(piece) > limit
            if not too_large:
                data += piece
            complete = not message.get("more_body", False)
    return Body(bytes(data), too_large, complete)


async def drain(receive: Receive) -> None:
    """Throw away what comes, until cancelled."""
    while True:
        await receive()
