"""The response side of one client connection (RFC 9112): frames what the endpoint pushes.

One object per connection, `reset` for each request. Framing is always made here, never copied: a known length is
sent as Content-Length, anything else chunked, or up to the close for an HTTP/1.0 client.
"""

from collections.abc import Awaitable
from math import inf
from typing import Final

from noderouter.core.connection import ConnectionInfo
from noderouter.core.duplex import Duplex
from noderouter.core.errors import ClientGone, ClientStalled
from noderouter.core.exchange import Exchange
from noderouter.core.grpc import is_grpc
from noderouter.core.headers import Headers
from noderouter.core.message import UNTIL_CLOSE, Response
from noderouter.proxy.http.clear_context import guard
from noderouter.proxy.http.error_form import refusal
from noderouter.proxy.http.trailers import trailer_line
from noderouter.proxy.http1.body import StreamBody
from noderouter.proxy.http1.chunked import LAST_CHUNK, encode_chunk, encode_last
from noderouter.proxy.tcp.duplex_relay import DuplexRelay, WireEnd
from noderouter.proxy.tcp.relay import IDLE_SECONDS, Relay
from noderouter.reactor.errors import WireError, WireStalled
from noderouter.reactor.wire import Wire

UPLOAD_BYTES: Final = 256 * 1024
"""So much of a request is read and thrown away behind an early response, to keep the connection."""

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CLOSE: Final = b"connection: close\r\n"
_KEEP: Final = b"connection: keep-alive\r\n"
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"

_LENGTHS: Final[dict[int, bytes]] = {}
"""Content-Length lines of small bodies, which recur."""


def length_line(length: int) -> bytes:
    """The Content-Length line of a body."""
    line = b"content-length: %d\r\n" % length
    if length < 4096:
        _LENGTHS[length] = line
    return line


class Http1Reply:
    """Where the response of the current exchange goes.

    Attributes:
        started: a final head has been handed to the kernel.
        complete: so has the end of the body.
        persist: the connection goes on behind this response.
        clear_context: never send an `l5d-*` field (docs/linkerd1.md section 5.6).
        exchange: whose `reply_fields` go into the head.
        early: what the client sent behind a request that may become a tunnel, without waiting for the answer.
        upload: the body of the request, while it may still be arriving.
        patience: seconds that the client may leave what was sent unread.
        received_bytes: what a tunnel has carried from the client.
        tunnel_idle: seconds without a byte either way after which a tunnel ends.
    """

    __slots__ = (
        "_chunked",
        "_left",
        "_no_body",
        "_old",
        "clear_context",
        "complete",
        "connection",
        "early",
        "exchange",
        "patience",
        "persist",
        "received_bytes",
        "sent_bytes",
        "started",
        "tunnel_idle",
        "tunnelled",
        "upload",
        "wire",
    )

    def __init__(self, wire: Wire, clear_context: bool, connection: ConnectionInfo) -> None:
        self.wire = wire
        self.connection = connection
        self.early = b""
        self.upload: StreamBody | None = None
        self.patience = inf
        self.tunnel_idle = IDLE_SECONDS
        self.clear_context = clear_context
        self.exchange: Exchange | None = None
        self.started = False
        self.complete = False
        self.persist = True
        self.tunnelled = False
        self.sent_bytes = 0
        self.received_bytes = 0
        self._chunked = False
        self._no_body = False
        self._old = False
        self._left = UNTIL_CLOSE  # bytes of a counted body still to come

    def reset(self, head_only: bool, old: bool, persist: bool) -> None:
        """Make ready for the next response. `head_only`: the request was HEAD (RFC 9110 section 9.3.2); `old`: of
        HTTP/1.0."""
        self.started = False
        self.complete = False
        self.upload = None
        self.persist = persist
        self.sent_bytes = 0
        self._chunked = False
        self._no_body = head_only
        self._old = old

    @property
    def framed(self) -> bool:
        """Whether the framing marks the end, so that a client cannot take a part for the whole."""
        return self._chunked or self._left != UNTIL_CLOSE

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """Send the head and the first of the body; see `core.reply.Reply`."""
        exchange = self.exchange
        fields = exchange.reply_fields if exchange is not None else b""
        if response.reserved is not None or self.clear_context:
            fields, data = guard(response, fields, data, self.clear_context)
        self.started = True
        if self.upload is not None and self.persist:
            self.persist = self._upload_ends(self.upload)
        status = response.status
        length = response.length
        if length >= 0 and not self._no_body and status != 204 and status != 304:
            framing = _LENGTHS.get(length) or length_line(length)
            self.sent_bytes = len(data)
            self._left = length - self.sent_bytes
            self.complete = self._left == 0
        else:
            framing, data = self._frame(response, data)
        if not self.persist:
            framing += _CLOSE
        elif self._old:
            framing += _KEEP
        line = _OK if status == 200 and response.reason == b"OK" else b"HTTP/1.1 %d %b\r\n" % (status, response.reason)
        try:
            # One join: half the price of formatting.
            if self.wire.put(b"".join((line, response.block, fields, framing, b"\r\n", data))):
                return None
        except WireError as error:
            raise ClientGone(error.strerror) from None
        return self._drain()

    def refuse(self, status: int, reason: str, exchange: Exchange | None) -> Awaitable[None] | None:
        """Answer what is no request, or `exchange`, which is refused, as the last on this connection; see `begin`."""
        self.exchange = None
        self.reset(False, False, False)
        return self.begin(
            *refusal(status, reason, grpc=exchange is not None and is_grpc(exchange), clear=self.clear_context)
        )

    def _upload_ends(self, upload: StreamBody) -> bool:
        """Whether the connection can go on behind a response that comes before its request has.

        A body that may be long, or that the client may not send after all (Expect), ends it, and the client is told
        (RFC 9112 section 9.6).
        """
        exchange = self.exchange
        if exchange is None:
            return False
        if exchange.upstream is None:  # nobody sends it on
            upload.forget()
        if upload.done:
            return True
        return 0 <= upload.remaining <= UPLOAD_BYTES and exchange.field(b"expect") is None

    def _frame(self, response: Response, data: bytes) -> tuple[bytes, bytes]:
        """The framing of a response without a body, or with one of unknown length; and the data, framed."""
        status, length = response.status, response.length
        if self._no_body or status == 204 or status == 304:
            self.complete = True
            return b"content-length: %d\r\n" % length if length >= 0 and status != 204 else b"", b""
        self.sent_bytes = len(data)
        if not self._old:
            self._chunked = True
            framing = _CHUNKED if response.reserved is None else _CHUNKED + trailer_line(response.reserved)
            return framing, encode_chunk(data) if data else b""
        self._left = UNTIL_CLOSE
        self.persist = False
        return b"", data

    async def _drain(self) -> None:
        try:
            await self.wire.drain(self.patience)
        except WireStalled:
            raise ClientStalled(f"client has read nothing for {self.patience:g} s") from None
        except WireError as error:
            raise ClientGone(error.strerror) from None

    async def _send(self, data: bytes) -> None:
        """Send; a lost client raises ClientGone, which no loss of the endpoint does."""
        try:
            if self.wire.put(data):
                return
        except WireError as error:
            raise ClientGone(error.strerror) from None
        await self._drain()

    async def inform(self, response: Response) -> None:
        """Send an interim response; HTTP/1.0 clients do not know those (RFC 9110 section 15.2)."""
        if not self._old:
            await self._send(b"HTTP/1.1 %d %b\r\n%b\r\n" % (response.status, response.reason, response.headers.block))

    async def push(self, data: bytes) -> None:
        """Send more of the body. Bytes beyond the announced length are an error of the caller."""
        if self.complete or not data:
            return
        self.sent_bytes += len(data)
        if self._chunked:
            data = encode_chunk(data)
        elif self._left >= 0:
            self._left -= len(data)
            self.complete = self._left == 0
        await self._send(data)

    async def finish(self, trailers: Headers | None = None) -> None:
        """End a body of unknown length."""
        if self._chunked and not self.complete:
            await self._send(LAST_CHUNK if trailers is None else encode_last(trailers))
        self.complete = True

    async def tunnel(self, response: Response, far: Wire | Duplex, early: bytes) -> None:
        """Answer 101 (RFC 9110 section 7.8), or CONNECT (section 9.3.6), and carry bytes both ways."""
        self.started = self.complete = self.tunnelled = True
        self.persist = False
        exchange = self.exchange
        fields = exchange.reply_fields if exchange is not None else b""
        if response.reserved is not None or self.clear_context:
            fields, _ = guard(response, fields, b"", self.clear_context)
        if response.status == 101:
            fields += b"connection: upgrade\r\nupgrade: %b\r\n" % (response.field(b"upgrade") or b"")
        await self._send(
            b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (response.status, response.reason, response.headers.block, fields)
        )
        if not isinstance(far, Wire):
            await self._relay_stream(far, early)
            return
        if self.early:
            await far.send(self.early, self.tunnel_idle)
        relay = Relay(self.wire, far, self.tunnel_idle)
        try:
            await relay.run(early)
        finally:
            self.sent_bytes, self.received_bytes = relay.bytes_left, relay.bytes_right

    async def _relay_stream(self, far: Duplex, early: bytes) -> None:
        """Carry between the client and a stream."""
        if self.early:
            pending = far.send(self.early, False)
            if pending is not None:
                await pending
        told, self.wire.on_hangup = self.wire.on_hangup, None  # whatever ends a side is for the tunnel to see
        relay = DuplexRelay(WireEnd(self.wire), far, self.tunnel_idle)
        try:
            await relay.run(early)
        finally:
            self.sent_bytes, self.received_bytes = relay.back, relay.forth
        self.wire.on_hangup = told
