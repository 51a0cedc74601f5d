"""What a session reads: bytes as they come, cut into whole frames (RFC 9113 section 4.1)."""

from time import monotonic

from noderouter.proxy.http2.frames import (
    CONTINUATION,
    DATA,
    FRAME_SIZE_ERROR,
    HEAD_BYTES,
    HEADERS,
    PROTOCOL_ERROR,
    SessionError,
)
from noderouter.proxy.http2.output import ANSWERS_BYTES
from noderouter.proxy.http2.settings import LocalSettings
from noderouter.proxy.http2.streams import Streams
from noderouter.reactor.wire import BULK_BYTES, READ_BYTES, Wire


class Reading(Streams):
    """The receiving half of a session; what frames mean is in `session`."""

    __slots__ = ("_block_stream", "_max_frame", "_missing", "_more", "_rest", "_rest_since")

    def __init__(self, wire: Wire, local: LocalSettings, patience: float, from_server: bool) -> None:
        super().__init__(wire, local, patience, from_server)
        self._max_frame = local.max_frame
        self._block_stream = 0  # of the header block that goes on, 0 for none
        self._rest = b""
        self._more = bytearray()
        self._missing = 0
        self._rest_since = 0.0

    def on_bytes(self, data: bytes) -> None:
        """Look at what was read, before its frames are."""

    def on_read(self) -> None:
        """All frames of one read are handled."""

    async def read_on(self, data: bytes) -> None:
        """Handle `data`, and what is read from here on, until the peer closes.

        Raises:
            SessionError: the session is over.
            WireError: the connection is.
        """
        wire = self.wire
        while data:
            self.on_bytes(data)
            self.feed(data)
            self.on_read()
            size = BULK_BYTES if len(data) >= READ_BYTES else READ_BYTES  # after a full read there is more
            if self.queued >= ANSWERS_BYTES:
                await self.wait_below(ANSWERS_BYTES)
            data = await (wire if size == READ_BYTES else wire.recv(size))

    def feed(self, data: bytes) -> None:
        """Handle the frames that are whole; what is left waits for more.

        Raises:
            SessionError: the session is over.
        """
        if self._rest:
            if len(data) < self._missing:  # joined each time, a frame would be copied as often as it is read
                self._missing -= len(data)
                self._more += data
                return
            if self._more:
                data = b"".join((self._rest, self._more, data))
                self._more = bytearray()
            else:
                data = self._rest + data
        pos, end = 0, len(data)
        stop = HEAD_BYTES
        while end - pos >= HEAD_BYTES:
            length = data[pos] << 16 | data[pos + 1] << 8 | data[pos + 2]
            if length > self._max_frame:
                raise SessionError(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            stop = pos + HEAD_BYTES + length
            if stop > end:
                break
            kind = data[pos + 3]
            flags = data[pos + 4]
            number = (data[pos + 5] & 127) << 24 | data[pos + 6] << 16 | data[pos + 7] << 8 | data[pos + 8]
            pos += HEAD_BYTES
            if self._block_stream and (kind != CONTINUATION or number != self._block_stream):
                raise SessionError(PROTOCOL_ERROR, "a header block is interrupted")
            if kind == HEADERS:
                self._take_headers(number, flags, data, pos, stop)
            elif kind == DATA:
                self._take_data(number, flags, data, pos, stop)
            else:
                self._take_other(kind, number, flags, data, pos, stop)
            pos = stop
        if pos < end:
            if pos or not self._rest:
                self._rest_since = monotonic()
            self._rest = data[pos:]
            self._missing = (stop if end - pos >= HEAD_BYTES else pos + HEAD_BYTES) - end
        else:
            self._rest = b""

    def _take_headers(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        raise NotImplementedError

    def _take_data(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        raise NotImplementedError

    def _take_other(self, kind: int, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        raise NotImplementedError

    @property
    def unread_head(self) -> bytes:
        """What is here of the head of a frame that is not whole yet, and maybe more of it."""
        return self._rest if len(self._rest) >= HEAD_BYTES else self._rest + self._more

    @property
    def unread_bytes(self) -> int:
        """How much is here of a frame that is not whole yet."""
        return len(self._rest) + len(self._more)
