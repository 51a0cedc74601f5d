"""A request body that streams, of which the first bytes are kept, so that it can be sent again while that is all of it.

The source is read once. A new attempt (`exchange.attempts`) gets what was kept, then what comes; whoever sent it before
has been ended by then. What is beyond the limit passes through, and from then on there is no second time; nor is there
once a response has begun, when what was kept is let go.
"""

from noderouter.core.body import Body
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers


class ReplayBody:
    """Implements `core.body.Body` over `exchange.body`; `too_long` tells that it was longer than what is kept."""

    __slots__ = (
        "_at",
        "_attempt",
        "_ended",
        "_exchange",
        "_kept",
        "_limit",
        "_source",
        "data",
        "length",
        "replayable",
        "too_long",
        "trailers",
    )

    def __init__(self, exchange: Exchange, limit: int) -> None:
        """Keep up to `limit` bytes of what the client sends."""
        source = exchange.body
        self._exchange = exchange
        self._source = source
        self._limit = limit
        self._kept = bytearray()
        self._at = 0
        self._attempt = 0
        self._ended = False
        self.data: bytes | None = None
        self.length = source.length
        self.replayable = True
        self.too_long = False
        self.trailers: Headers | None = None

    def __repr__(self) -> str:
        return f"<ReplayBody kept={len(self._kept)} of {self._limit} replayable={self.replayable}>"

    @property
    def source(self) -> Body:
        """What it reads from."""
        return self._source

    async def read(self) -> bytes:
        """See `Body`."""
        self._begin()
        if self._at < len(self._kept):
            data = bytes(self._kept[self._at :])
            self._at = len(self._kept)
            if not self.replayable:
                self.forget()
            return data
        if self._ended:
            return b""
        data = await self._source.read()
        if not data:
            self._ended = True
            self.trailers = self._source.trailers
        elif self.replayable:
            if len(self._kept) + len(data) > self._limit:
                self.too_long = True
                self.forget()
            else:
                self._kept += data
                self._at = len(self._kept)
        return data

    def _begin(self) -> None:
        """Go back to the start, where this is a new attempt."""
        if self._attempt != self._exchange.attempts:
            self._attempt = self._exchange.attempts
            self._at = 0

    def forget(self) -> None:
        """Keep nothing any more but what has not been sent again yet."""
        self._begin()
        self.replayable = False
        del self._kept[: self._at]
        self._at = 0
