"""`maxCallDepth`: ends loops of routers, by how many a request has passed (docs/linkerd1.md section 5.5).

Server side, behind the error reply. Every router adds an entry to `Via`, so a request that goes in circles has more
of them each time. The entries of all Via fields count, whoever made them.
"""

from collections.abc import Awaitable
from typing import Final

from noderouter.core.errors import TooManyCalls
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.proxy.http.via import MAX_VIA_BYTES

DEFAULT_LIMIT: Final = 20
"""Nobody has so many routers in a row on purpose, and each one more costs a loop another round."""


class CallDepth:
    """Counts hops; a request without reserved fields passes at the price of one test."""

    __slots__ = ("_limit", "_service")

    def __init__(self, service: Service, limit: int = DEFAULT_LIMIT) -> None:
        self._service = service
        self._limit = limit

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Count, then go on.

        Raises:
            TooManyCalls: more than the limit, or so much Via that it cannot be passed on whole; cutting it would
                hide a loop.
        """
        if exchange.reserved is not None:
            hops, size = count_hops(exchange.reserved)
            if hops > self._limit or size > MAX_VIA_BYTES:
                raise TooManyCalls(self._limit)
        return self._service(exchange)


def count_hops(reserved: tuple[tuple[bytes, bytes], ...]) -> tuple[int, int]:
    """Entries in all Via fields, and their bytes."""
    hops = size = 0
    for name, value in reserved:
        if name == b"via" and value:
            hops += value.count(b",") + 1
            size += len(value) + 2
    return hops, size
