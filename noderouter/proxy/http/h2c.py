"""A request of HTTP/1.1 that asks to go on in HTTP/2: what a codec of the one hands to that of the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from noderouter.core.message import Reserved
from noderouter.reactor.wire import Wire


@dataclass(frozen=True, slots=True)
class H2cRequest:
    """The request, which is answered on stream 1; it has no body.

    `settings` is the payload of the SETTINGS frame that it carries, `rest` are the bytes behind it.
    """

    method: bytes
    target: bytes
    authority: bytes
    block: bytes
    reserved: Reserved | None
    settings: bytes
    rest: bytes


ReadH2c = Callable[[Wire, bytes, float], Awaitable[H2cRequest | None]]
"""From a wire, what has come of a request, and the seconds for its head, to what it asks, None where it is another."""
