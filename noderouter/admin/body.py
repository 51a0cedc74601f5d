"""Reads a request body: a small one, soon.

Hypercorn hands pieces over through a short queue and waits while it is full, also after the application has
answered. So where a body is too large, does not end in time or is not wanted, what comes is thrown away (`drain`) until
the answer is out and the connection ends.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import trio

LIMIT_BYTES: Final = 64 * 1024
"""The largest body is a delegation's, with a dtab in it."""
SECONDS: Final = 5.0

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientLeft(Exception):
    """The client closed its connection before the request was complete."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request body; `complete` is whether the request has ended."""

    data: bytes
    too_large: bool
    complete: bool


async def read_body(receive: Receive, limit: int = LIMIT_BYTES, seconds: float = SECONDS) -> Body:
    """Read until the body ends, is above `limit`, or the time is over.

    Raises:
        ClientLeft: the client has gone.
    """
    data = bytearray()
    with trio.move_on_after(seconds):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece = message.get("body", b"")
            if len(data) + len(piece) > limit:
                return Body(b"", too_large=True, complete=False)
            data += piece
            if not message.get("more_body", False):
                return Body(bytes(data), too_large=False, complete=True)
    return Body(b"", too_large=False, complete=False)


async def drain(receive: Receive) -> None:
    """Discard what comes, until cancelled."""
    while True:
        await receive()
