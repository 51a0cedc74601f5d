"""What both ends of an HTTP/2 connection share: frames in, the windows that we grant, settings, and its end (RFC 9113).

One task reads, and hands each frame to the stream that it is for; nothing waits in between, so a stream that is not
read holds nobody up: what it may keep is bounded by its window, and what all may keep by the session's.

What the peer does wrong ends a stream or, where RFC 9113 says so, the session (`SessionError`); work without an end is
bounded by `flood`.
"""

from time import monotonic
from typing import Final

from noderouter.proxy.http2.frames import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    GOAWAYS_RECEIVED,
    HEADER_BLOCKS,
    MAX_STREAM,
    MAX_WINDOW,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RESETS_RECEIVED,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    STREAM_CLOSED,
    USELESS_FRAMES,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    SessionError,
    counted,
    frame,
)
from noderouter.proxy.http2.hpack import Decoder, Encoder, HpackError
from noderouter.proxy.http2.reading import Reading
from noderouter.proxy.http2.settings import LocalSettings, check_length
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import Wire

OUR_TABLE: Final = 4096
"""Bytes of dynamic table that our encoder uses, whatever the peer allows."""
MAX_BLOCK_BYTES: Final = 65536
"""A header block as it is coded (CVE-2024-27316 and its kin), where no longer list of fields is configured."""
MAX_CONTINUATIONS: Final = 16
BLOCK_SECONDS: Final = 15.0
"""From a HEADERS frame to the end of its block."""
LINGER_SECONDS = 1.0  # not Final: tests shorten it
"""How long a peer may go on sending behind the last frame that it gets (compare RFC 9112 section 9.6)."""
LINGER_BYTES: Final = 256 * 1024
_DATA: Final = bytes([DATA])
MAX_WORDS: Final = 200
"""Bytes of a GOAWAY's debug data."""


class Session(Reading):
    """One end of a connection.

    Attributes:
        going: a GOAWAY that ends the session was sent or received: no stream begins.
        acknowledged: the peer has seen our settings.
    """

    __slots__ = (
        "_block",
        "_block_count",
        "_block_flags",
        "_block_since",
        "_max_block",
        "acknowledged",
        "decoder",
        "encoder",
        "going",
    )

    def __init__(self, wire: Wire, local: LocalSettings, patience: float, *, from_server: bool) -> None:
        """`patience`: seconds without anything taken that we send."""
        super().__init__(wire, local, patience, from_server)
        self.decoder = Decoder(local.header_table, local.max_header_list)
        self.encoder = Encoder(OUR_TABLE)
        self.going = self.acknowledged = False
        self._max_block = max(MAX_BLOCK_BYTES, local.max_header_list)
        self._block = b""
        self._block_count = 0
        self._block_flags = 0
        self._block_since = 0.0

    # What a side makes of frames

    def on_headers(self, number: int, last: bool, data: bytes, pos: int, stop: int) -> None:
        """Receive a header block, which has to be decoded whatever becomes of it."""
        raise NotImplementedError

    def on_goaway(self, last: int, code: int, words: bytes) -> None:
        """Receive GOAWAY."""
        raise NotImplementedError

    def on_pong(self, data: bytes) -> None:
        """Receive the answer to a PING of ours."""
        raise NotImplementedError

    def on_settings(self) -> None:
        """`peer` has changed."""
        raise NotImplementedError

    def _take_headers(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        if number == 0:
            raise SessionError(PROTOCOL_ERROR, "HEADERS on stream 0")
        if flags & PADDED:
            if pos == stop:
                raise SessionError(FRAME_SIZE_ERROR, "HEADERS without its padding length")
            stop -= data[pos]
            pos += 1
            if pos > stop:
                raise SessionError(PROTOCOL_ERROR, "more padding than HEADERS has bytes")
        if flags & WITH_PRIORITY:
            if stop - pos < 5:
                raise SessionError(FRAME_SIZE_ERROR, "HEADERS without its priority")
            if self._own_parent(number, data, pos):
                raise SessionError(PROTOCOL_ERROR, "a stream depends on itself")
            pos += 5
        if flags & END_HEADERS:
            self._decode(number, flags, data, pos, stop)
        else:
            self._block_stream = number
            self._block_flags = flags
            self._block = data[pos:stop]
            self._block_count = 0
            self._block_since = monotonic()

    @staticmethod
    def _own_parent(number: int, data: bytes, pos: int) -> bool:
        return int.from_bytes(data[pos : pos + 4], "big") & MAX_STREAM == number

    def _decode(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        try:
            self.on_headers(number, flags & END_STREAM != 0, data, pos, stop)
        except HpackError as error:
            raise SessionError(COMPRESSION_ERROR, str(error)) from None

    def _take_data(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        counted = stop - pos
        self.use_window(counted)
        if flags & PADDED:
            if pos == stop:
                raise SessionError(FRAME_SIZE_ERROR, "DATA without its padding length")
            stop -= data[pos]
            pos += 1
            if pos > stop:
                raise SessionError(PROTOCOL_ERROR, "more padding than DATA has bytes")
        stream = self.streams.get(number)
        if stream is None:
            self.give_back(counted)
            self.late_data(number, counted)
            return
        if stream.ended:
            self.give_back(counted)
            self.fail(stream, STREAM_CLOSED, "DATA behind END_STREAM")
            return
        if not stream.headed:
            self.give_back(counted)
            self.fail(stream, PROTOCOL_ERROR, "DATA before the response head")
            return
        stream.left -= counted
        if stream.left < 0:
            self.give_back(counted)
            self.fail(stream, FLOW_CONTROL_ERROR, "DATA beyond the window of its stream")
            return
        last = flags & END_STREAM != 0
        count = stop - pos
        if counted > count:
            stream.give_back(counted - count)
        stream.received += count
        if 0 <= stream.expected < stream.received or (last and 0 <= stream.expected != stream.received):
            self.give_back(count)
            self.fail(stream, PROTOCOL_ERROR, "more or less DATA than Content-Length says")
            return
        if count:
            stream.keep(data[pos:stop])
        elif not last:
            self.useless("empty DATA")
        if last:
            stream.ended = True
        stream.wake()

    def _take_other(self, kind: int, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        length = stop - pos
        if kind == WINDOW_UPDATE:
            if length != 4:
                raise SessionError(FRAME_SIZE_ERROR, "WINDOW_UPDATE is not four bytes")
            self.take_update(number, int.from_bytes(data[pos:stop], "big") & MAX_WINDOW)
        elif kind == CONTINUATION:
            self._take_continuation(number, flags, data, pos, stop)
        elif kind == RST_STREAM:
            if number == 0:
                raise SessionError(PROTOCOL_ERROR, "RST_STREAM on stream 0")
            if length != 4:
                raise SessionError(FRAME_SIZE_ERROR, "RST_STREAM is not four bytes")
            self._take_reset(number, int.from_bytes(data[pos:stop], "big"))
        elif kind == SETTINGS:
            self._take_settings(number, flags, data, pos, stop)
        elif kind == PING:
            if number:
                raise SessionError(PROTOCOL_ERROR, "PING on a stream")
            if length != 8:
                raise SessionError(FRAME_SIZE_ERROR, "PING is not eight bytes")
            if flags & ACK:
                self.on_pong(data[pos:stop])
            else:
                if not self.updates.ping():
                    self.useless("PING")
                self.write(frame(PING, ACK, 0, data[pos:stop]))
        elif kind == GOAWAY:
            if number:
                raise SessionError(PROTOCOL_ERROR, "GOAWAY on a stream")
            if length < 8:
                raise SessionError(FRAME_SIZE_ERROR, "GOAWAY is shorter than eight bytes")
            last = int.from_bytes(data[pos : pos + 4], "big") & MAX_STREAM
            code = int.from_bytes(data[pos + 4 : pos + 8], "big")
            self.useless("GOAWAY")
            self.counts.note(GOAWAYS_RECEIVED)
            self.on_goaway(last, code, data[pos + 8 : min(stop, pos + 8 + MAX_WORDS)])
        elif kind == PRIORITY:
            self.useless("PRIORITY")
            if number == 0:
                raise SessionError(PROTOCOL_ERROR, "PRIORITY on stream 0")
            if length != 5 or self._own_parent(number, data, pos):
                code = FRAME_SIZE_ERROR if length != 5 else PROTOCOL_ERROR
                wrong = "PRIORITY of the wrong length, or of a stream that depends on itself"
                stream = self.streams.get(number)
                if stream is not None:
                    self.fail(stream, code, wrong)
                elif self.is_idle(number):
                    raise SessionError(code, wrong)
        elif kind == PUSH_PROMISE:
            raise SessionError(PROTOCOL_ERROR, "PUSH_PROMISE, which is off")
        else:
            self.useless("frames of an unknown type")  # to be ignored (section 4.1)

    def _take_continuation(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        if not self._block_stream:
            raise SessionError(PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        self._block_count += 1
        self._block += data[pos:stop]
        last = flags & END_HEADERS != 0
        if self._block_count > MAX_CONTINUATIONS or len(self._block) > self._max_block or (pos == stop and not last):
            raise SessionError(ENHANCE_YOUR_CALM, "a header block has no end", HEADER_BLOCKS)
        if last:
            block, self._block = self._block, b""
            self._block_stream = 0
            self._decode(number, self._block_flags, block, 0, len(block))

    def _take_reset(self, number: int, code: int) -> None:
        stream = self.streams.get(number)
        if stream is None:
            if self.is_idle(number):
                raise SessionError(PROTOCOL_ERROR, "RST_STREAM on an idle stream")
            if not self.updates.spend():
                raise SessionError(ENHANCE_YOUR_CALM, "RST_STREAM on closed streams, again and again", USELESS_FRAMES)
            return
        del self.streams[number]
        self.counts.note(counted(RESETS_RECEIVED, code))
        stream.reset_by_peer(code)

    def _take_settings(self, number: int, flags: int, data: bytes, pos: int, stop: int) -> None:
        if number:
            raise SessionError(PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & ACK:
            if pos != stop:
                raise SessionError(FRAME_SIZE_ERROR, "SETTINGS with ACK has a payload")
            self.acknowledged = True
            self.decoder.acknowledged()
            return
        check_length(stop - pos)
        if self.peer.told:
            self.useless("SETTINGS")
        self.apply_settings(data, pos, stop)
        self.write(SETTINGS_ACK)
        self.on_settings()
        if self.line:
            self.serve_line()

    def apply_settings(self, data: bytes, pos: int, stop: int) -> None:
        """Go by what the peer announces from now on."""
        peer = self.peer
        window, table, largest = peer.initial_window, peer.header_table, peer.max_frame
        peer.take(data, pos, stop, self.from_server)
        if peer.least_table != table:  # what was in between counts, too (RFC 7541 section 4.2)
            self.encoder.resize(min(peer.least_table, OUR_TABLE))
        if peer.header_table != peer.least_table:
            self.encoder.resize(min(peer.header_table, OUR_TABLE))
        if peer.max_frame != largest:
            self.encoder.max_frame = peer.max_frame
        if peer.initial_window != window:
            self.change_windows(peer.initial_window - window)

    # The end

    def block_overdue(self, now: float) -> bool:
        """Whether a header block has been under way for too long, or a frame that is no DATA: those are bodies."""
        if self._block_stream != 0:
            return now - self._block_since > BLOCK_SECONDS
        return self._rest != b"" and self.unread_head[3:4] != _DATA and now - self._rest_since > BLOCK_SECONDS

    async def say_goodbye(self, code: int, reason: str) -> None:
        """Send GOAWAY, and close in two steps, so that it arrives."""
        self.going = True
        self.tell_last(self.last, code, reason.encode("ascii", "replace")[:MAX_WORDS])
        self.flush()
        wire = self.wire
        seen = 0
        with Timeout(LINGER_SECONDS):
            try:
                if self.drainer is not None:
                    await self.drainer.join()
                wire.finish()
                while seen < LINGER_BYTES and (data := await wire):
                    seen += len(data)
            except WireError:
                pass
