"""`timestampHeader`: when the request reached the node, for the application (docs/linkerd1.md section 2.5).

Server side, only where configured. The value is milliseconds since the epoch. What a client sends under that name is
removed, in any spelling: monitoring would take it for ours.
"""

from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Final

from noderouter.core.exchange import Exchange
from noderouter.core.headers import FIELD_NAME, lines_called
from noderouter.core.service import Service

_FRAMING: Final = frozenset(
    (b"connection", b"content-length", b"host", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)


class Timestamp:
    """Adds one field to the request."""

    __slots__ = ("_claimed", "_clock_ns", "_name", "_service")

    def __init__(self, service: Service, header: str, clock_ns: Callable[[], int] = time_ns) -> None:
        """`header` is the name of the field.

        Raises:
            ValueError: it is not a field name, or one that HTTP itself needs.
        """
        name = header.encode("utf-8")
        if FIELD_NAME.fullmatch(name) is None or name.lower() in _FRAMING:
            raise ValueError(f"timestampHeader: not the name of a header field that can be set: {header!r}")
        self._service = service
        self._name = name
        self._claimed = lines_called([header])
        self._clock_ns = clock_ns

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Add it, then go on."""
        block = exchange.block
        left = self._claimed.sub(b"", block)
        if len(left) != len(block):
            exchange.headers.block = left
        exchange.request_fields += b"%b: %d\r\n" % (self._name, self._clock_ns() // 1_000_000)
        return self._service(exchange)
