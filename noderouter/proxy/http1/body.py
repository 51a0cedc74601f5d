"""Message bodies of HTTP/1, pulled from a wire (RFC 9112 sections 6 and 7).

One reader for both sides. What it answers is payload: chunked framing is taken off here and put on again, freshly
made, by whoever sends the message on. Memory is bounded by one read, and work by some chunks: between two `read` of
what was received together, others get their turn.

Chunked in a response of HTTP/1.0 is the work of servers whose clients never minded: it ends with its connection, and
with its last chunk it is complete (RFC 9112 section 8), be there an empty line behind or not. In HTTP/1.1 one must be.
"""

from math import inf
from typing import Final

from noderouter.core.body import CHUNKED
from noderouter.core.errors import Closed, Stalled, Truncated
from noderouter.core.headers import Headers
from noderouter.core.message import UNTIL_CLOSE
from noderouter.proxy.http1.chunked import ChunkedDecoder
from noderouter.proxy.http1.fields import HeadError
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Timeout, stand_back
from noderouter.reactor.wire import BULK_BYTES, Wire

MAX_TRAILER_BYTES: Final = 60 * 1024


class StreamBody:
    """A body that is still arriving.

    Attributes:
        length: bytes, CHUNKED or UNTIL_CLOSE.
        data: None until `buffer` has read all of it.
        done: the end was read; `leftover` are the bytes behind it, `trailers` the trailer fields.
        read_bytes: payload so far.
    """

    __slots__ = (
        "_closes",
        "_decoder",
        "_idle_seconds",
        "_left",
        "_pending",
        "_wire",
        "data",
        "done",
        "leftover",
        "length",
        "read_bytes",
        "replayable",
        "trailers",
    )

    def __init__(
        self, wire: Wire, length: int, pending: bytes, *, closes: bool = False, idle_seconds: float = inf
    ) -> None:
        """`pending` are the bytes that came behind the head; `closes`: the message is of HTTP/1.0, chunked or not.

        `idle_seconds`: how long to wait for the next byte.
        """
        self._wire = wire
        self._pending = pending if length else b""
        self._left = length
        self._closes = closes
        self._idle_seconds = idle_seconds
        self._decoder = ChunkedDecoder(MAX_TRAILER_BYTES) if length == CHUNKED else None
        self.length = length
        self.data: bytes | None = None
        self.replayable = False
        self.trailers: Headers | None = None
        self.leftover = b"" if length else pending  # without a body all of it is behind
        self.read_bytes = 0
        self.done = length == 0

    async def read(self) -> bytes:
        """The next piece of payload, b"" at the end.

        Raises:
            Stalled: nothing came within `idle_seconds`.
            Truncated: the peer left before the end.
            HeadError: the chunked framing is broken.
        """
        while not self.done:
            if not self._pending:
                self._pending = await self._receive()
            elif self._decoder is not None and self._decoder.rest:
                await stand_back()
            data = self.take()
            if self.done and self._wire.hung_up:
                # The peer hung up together with the end of its body; nobody was told, as we were reading.
                self._wire.hangup(self._wire.hung_up)
            if data:
                return data
        return b""

    def take(self) -> bytes:
        """The payload in what has been received already, possibly b""; waits for nothing.

        Of very many chunks it is that of the first; `ahead` tells.

        Raises:
            HeadError: the chunked framing is broken.
        """
        data, self._pending = self._pending, b""
        if not data:
            return b""
        if self._decoder is not None:
            data = self._chunks(self._decoder, data)
        elif self._left >= 0:
            data = self._counted(data)
        self.read_bytes += len(data)
        return data

    def forget(self) -> None:
        """Throw away what `take` answers; broken framing is left for the next reader."""
        pending = self._pending
        try:
            self.take()
        except HeadError:
            self._pending = pending

    async def _receive(self) -> bytes:
        try:
            data = await self._in_time() if self._idle_seconds < inf else await self._wire.recv(BULK_BYTES)
        except WireError as error:
            raise Truncated(error.strerror) from None
        if not data:
            last = self._closes and self._decoder is not None and self._decoder.last
            if self.length != UNTIL_CLOSE and not last:
                raise Closed("closed before the message was complete")
            if not last and self._wire.cut():
                raise Truncated("cut off: the end of what ends with its connection was not said (close_notify)")
            self.done = True
        return data

    async def _in_time(self) -> bytes:
        with Timeout(self._idle_seconds):
            return await self._wire.recv(BULK_BYTES)
        raise Stalled(f"nothing came for {self._idle_seconds:g} s")

    @property
    def remaining(self) -> int:
        """Bytes still to come, where the length is known; CHUNKED or UNTIL_CLOSE where not."""
        return self._left

    @property
    def ahead(self) -> bool:
        """There is something behind the body, or there may be: chunks that nobody has looked at yet are here."""
        return len(self.leftover) > 0 or (self._decoder is not None and len(self._pending) > 0)

    def _counted(self, data: bytes) -> bytes:
        if len(data) >= self._left:
            self.leftover = data[self._left :]
            data = data[: self._left]
            self.done = True
        self._left -= len(data)
        return data

    def _chunks(self, decoder: ChunkedDecoder, data: bytes) -> bytes:
        data = decoder.feed(data)
        self._pending = decoder.rest
        if decoder.done:
            self.done = True
            self.leftover = decoder.leftover
            self.trailers = decoder.trailers
        return data

    async def buffer(self) -> None:
        """Read all of it into `data`; for bodies whose length is known to be small."""
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        self.data = b"".join(pieces)

    async def discard(self, limit: int) -> bool:
        """Read on without keeping anything, at most `limit` bytes; whether the end was reached."""
        start = self.read_bytes
        while not self.done:
            await self.read()
            if self.read_bytes - start > limit:
                return False
        return True
