"""`maxConcurrentRequests`: how many requests a server works on at a time (docs/linkerd1.md sections 2.5 and 5.5).

Server side, only where configured. Nobody waits: a request beyond the limit is refused at once, and told so in a way
that lets a router before this one try another instance.
"""

from noderouter.core.errors import OverloadError
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service


class Admission:
    """A semaphore without waiters.

    Attributes:
        active: requests in progress.
        refused: requests turned away so far.
    """

    __slots__ = ("_limit", "_service", "active", "refused")

    def __init__(self, service: Service, limit: int) -> None:
        self._service = service
        self._limit = limit
        self.active = 0
        self.refused = 0

    def __repr__(self) -> str:
        return f"<Admission {self.active}/{self._limit} refused={self.refused}>"

    async def serve(self, exchange: Exchange) -> None:
        """Go on if there is room.

        Raises:
            OverloadError: there is none; the request was not processed.
        """
        if self.active >= self._limit:
            self.refused += 1
            raise OverloadError(f"the server is at its limit of {self._limit} concurrent requests")
        self.active += 1
        try:
            await self._service(exchange)
        finally:
            self.active -= 1
