"""The upstream side of HTTP/1.x: one exchange on one connection to an endpoint (RFC 9112).

Sends the request (a body that is at hand goes with the head, in one piece; a streaming one is pumped by a second
coroutine while the response is awaited), relays interim responses, asks `exchange.gate`, and
pushes the response into `exchange.reply`.

State of a connection. Another exchange may follow only in the state `IDLE`, which two facts make, each noted where it
becomes true and nowhere else:

    SENT    the request, whole, is with the kernel
    READ    the response was read to its end, its framing was beyond doubt, and nothing came behind it
    SHUT    our side was shut, because the client had finished (RFC 9293 section 3.6): nothing can follow

Every exchange starts from nothing. Whoever leaves one by an exception (the client has left, a body broke off, a
deadline passed) has not reached both, so the rest of that response cannot meet another client.
"""

from collections.abc import Awaitable, Coroutine
from time import monotonic
from typing import Any, Final

from noderouter.core.body import CHUNKED
from noderouter.core.errors import (
    ClientGone,
    ClientProtocolError,
    Closed,
    CutShort,
    EndpointProtocolError,
    EndpointTimeout,
    MalformedMessage,
    Stalled,
    Truncated,
)
from noderouter.core.exchange import SUCCESS, Awaited, Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_0, UNTIL_CLOSE, Response
from noderouter.proxy.http.outcome import conclude, deliver, lost
from noderouter.proxy.http.upgrade import upgrade_asked
from noderouter.proxy.http.via import via_response
from noderouter.proxy.http1.body import StreamBody
from noderouter.proxy.http1.chunked import LAST_CHUNK, encode_chunk, encode_last
from noderouter.proxy.http1.head import HeadError, ResponseHead, parse_response
from noderouter.proxy.http1.request import request_head
from noderouter.proxy.transport import DEFAULT_LIMITS, NO_QUOTA, Transport, TransportLimits
from noderouter.reactor.dial import Dial, connect
from noderouter.reactor.errors import WireError, WireStalled
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task, Timeout
from noderouter.reactor.wire import Wire

MAX_LINE_BYTES: Final = 16 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_INTERIM: Final = 32
"""Interim (1xx) responses to one request."""
DISCARD_BYTES: Final = 64 * 1024
"""A discarded response of up to this much is read to its end, so that the connection can be used again."""
DISCARD_SECONDS: Final = 0.2
TUNNEL_SILENCE_SECONDS: Final = 60
"""A tunnel may be silent for long; an endpoint that vanished meanwhile is missed within about three minutes."""

SENT: Final = 1
READ: Final = 2
SHUT: Final = 4
IDLE: Final = SENT | READ
_STATES: Final = {0: "new", SENT: "sent", READ: "read", IDLE: "idle"}


class UpstreamConnection(Transport):
    """A connection to an endpoint that speaks HTTP/1: one exchange at a time."""

    __slots__ = ("_quota", "_state", "limits")

    def __init__(self, wire: Wire, limits: TransportLimits = DEFAULT_LIMITS) -> None:
        super().__init__(wire, limits.head_seconds, monotonic())
        self.limits = limits
        self._state = 0
        self._quota = 0

    def __repr__(self) -> str:
        return f"<UpstreamConnection {self.wire!r} used={self.used} {_STATES.get(self._state, 'ending')}>"

    @property
    def idle(self) -> bool:
        """Whether its last exchange is over for good: sent whole, read whole, nothing behind it."""
        return self._state == IDLE

    @property
    def awaited(self) -> Awaited:
        """See `core.exchange.Upstream`."""
        return Awaited.RESPONSE if self._state & SENT else Awaited.READING if self.wire.unsent else Awaited.CLIENT

    def finish(self) -> None:
        """Pass on that the client has finished sending, once its request is out; nothing can follow on here."""
        if self._state & SENT:
            self._state |= SHUT
            self.wire.finish()

    def exchange(self, exchange: Exchange, fields: bytes) -> Awaitable[None]:
        """See `Transport`. Sends at once, if the body is at hand; raises then or when awaited."""
        reused = self.used > 0
        self.used += 1
        self._state = 0
        exchange.upstream = self
        exchange.request_failure = None  # of the try before
        data = exchange.body.data
        if data is None:
            return self._with_pump(exchange, fields)
        try:
            if self.wire.put(request_head(exchange, fields, data)):
                self._state = SENT
                if exchange.half_closed:
                    self.finish()
                return self._respond(exchange, reused)
        except WireError as error:  # the kernel took nothing
            raise EndpointProtocolError(f"connection lost: {error.strerror}", retryable=True) from None
        return self._beside(exchange, self._rest(exchange), reused)

    async def tunnel(self, exchange: Exchange) -> None:
        """Carry bytes both ways, to an endpoint where the tunnel ends (RFC 9110 section 9.3.6)."""
        self.used += 1
        self._state = 0
        await self._carry(exchange, Response(200, b"Connection established", Headers(), 0), b"")

    # The request

    async def _with_pump(self, exchange: Exchange, fields: bytes) -> None:
        """Send a streaming body from a second coroutine, while this one awaits the response."""
        try:
            await self.wire.send(request_head(exchange, fields, b""), self.limits.body_idle_seconds)
        except WireStalled:
            raise EndpointTimeout(f"endpoint took no request within {self.limits.body_idle_seconds:g} s") from None
        except WireError as error:
            raise EndpointProtocolError(f"connection lost: {error.strerror}", retryable=True) from None
        await self._beside(exchange, self._pump(exchange), False)

    async def _beside(self, exchange: Exchange, sending: Coroutine[Any, Any, None], reused: bool) -> None:
        """Await the response while `sending` sends the rest of the request."""
        self._quota = NO_QUOTA
        pump = self.wire.reactor.spawn(sending, "request body")
        broken: BaseException | None = None
        try:
            await self._respond(exchange, reused)
            if not pump.done:
                await self._outlast(exchange, pump)
        except BaseException as error:  # no `finally`: compiled, an exception is lost where one awaits in it (ADR 16)
            broken = error
        if not pump.done:
            pump.cancel("the response is complete")
            await pump.join()
        if broken is not None:
            raise broken

    async def _rest(self, exchange: Exchange) -> None:
        """Send what the kernel did not take of a request at once; an endpoint may answer before it reads all."""
        try:
            await self.wire.drain(self.limits.body_idle_seconds)
            self._sent(exchange)
        except WireStalled:
            self._fail(exchange, self._unread())
        except WireError:
            return  # see what it says

    async def _pump(self, exchange: Exchange) -> None:
        """Send the request body on as it comes. What goes wrong with it ends the connection."""
        body = exchange.body
        wire = self.wire
        patience = self.limits.body_idle_seconds
        chunked = body.length == CHUNKED
        try:
            while data := await body.read():
                self._quota -= len(data)
                if self._quota < 0:
                    return
                await wire.send(encode_chunk(data) if chunked else data, patience)
                self.progress = monotonic()
            if chunked:
                await wire.send(LAST_CHUNK if body.trailers is None else encode_last(body.trailers), patience)
            self._sent(exchange)
        except WireStalled:
            self._fail(exchange, self._unread())
        except WireError:
            return  # the endpoint has heard enough; whether it answers is seen by the reader
        except Stalled as stalled:  # a name of its own: compiled, it has the type of its first use
            self._fail(exchange, ClientProtocolError(f"request body stands still: {stalled}", 408))
        except Truncated:
            self._fail(exchange, ClientGone("client closed within its request body"))
        except MalformedMessage as wrong:
            self._fail(exchange, ClientProtocolError(wrong.reason, wrong.status))
        except (ClientGone, ClientProtocolError) as known:  # of another codec's
            self._fail(exchange, known)

    def _sent(self, exchange: Exchange) -> None:
        """The request is out, whole."""
        self._state |= SENT
        self.progress = exchange.sent_at = monotonic()
        if exchange.half_closed:
            self.finish()

    def _unread(self) -> EndpointTimeout:
        return EndpointTimeout(f"endpoint took nothing of the request body for {self.limits.body_idle_seconds:g} s")

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        """The request broke: reset the endpoint, which wakes the reader, which raises `error`."""
        exchange.request_failure = error
        self.wire.abort()

    async def _outlast(self, exchange: Exchange, pump: Task) -> None:
        """The response was complete before the request was: let that go on as long as the endpoint reads.

        To stop at once would reset a client that is sending, and could destroy the response it has not read yet.
        """
        if not exchange.reply.started:
            return  # it was discarded: nobody waits for it, but for the next try
        body = exchange.body
        if isinstance(body, StreamBody) and not body.read_bytes and exchange.field(b"expect") is not None:
            return  # the body was waiting for a 100 that did not come
        exchange.head_at = exchange.head_at or monotonic()
        self._quota = self.limits.upload_bytes
        with Timeout(self.limits.upload_seconds):
            await pump.join()

    # The response

    async def _respond(self, exchange: Exchange, reused: bool) -> None:
        """Read the response, judge it, and push it. Written for the case that it comes in one piece."""
        try:
            data = await self.wire
            head = parse_response(data, MAX_LINE_BYTES, MAX_HEAD_BYTES, self.limits.lenient) if data else None
            if head is None or head[1] < 200:
                found = await self._final_head(exchange, data, reused)
                if found is None:
                    return  # became a tunnel
                head, data = found
            end, status, reason, minor, length, persist, block, reserved = head
            data = data[end:] if end < len(data) else b""  # a slice costs more than the question
            if exchange.tunnel and status < 300:
                await self._carry(exchange, Response(status, reason, block, 0, HTTP_1_0 + minor, reserved), data)
                return
            lasting = persist and minor == 1 and exchange.version != HTTP_1_0
            response = Response(status, reason, block, length, HTTP_1_0 + minor, reserved)
            bodyless = exchange.method == b"HEAD" or status == 204 or status == 304
            if bodyless:
                if length != 0 and length != UNTIL_CLOSE and (status == 204 or (status == 304 and length == CHUNKED)):
                    lasting = False  # it has none, and says that one comes: whatever follows is not to be trusted
                length = 0
            if not deliver(exchange, response):
                await self._discard(self._body(length, data, minor), lasting)
                return
            if len(data) == length:
                if lasting:
                    self._state |= READ
            elif bodyless:
                data = b""  # what came behind the head is nobody's, and the connection ends
            else:
                await self._stream(exchange, response, self._body(length, data, minor), lasting)
                return
            pending = exchange.reply.begin(response, data)
            if pending is not None:
                await pending
        except HeadError as error:
            raise EndpointProtocolError(f"invalid response: {error.reason}") from None
        except WireError as error:
            raise lost(exchange, reused, str(error.strerror)) from None

    async def _final_head(self, exchange: Exchange, data: bytes, reused: bool) -> tuple[ResponseHead, bytes] | None:
        """Read on up to the final head, relaying interim ones; that head and the bytes from its start.

        None: the connection became a tunnel, which has ended.
        """
        interim, lasting = 0, True
        while True:
            head = parse_response(data, MAX_LINE_BYTES, MAX_HEAD_BYTES, self.limits.lenient) if data else None
            if head is None:
                data += await self._more(exchange, reused and not data and not interim)
                continue
            end, status, reason, minor, length, persist, block, reserved = head
            lasting = lasting and persist
            if status >= 200:
                return (end, status, reason, minor, length, lasting, block, reserved), data
            data = data[end:]
            response = Response(status, reason, block, 0, HTTP_1_0 + minor, reserved)
            if status == 101:
                await self._tunnel(exchange, response, data)
                return None
            interim += 1
            if interim > MAX_INTERIM or (length != 0 and length != UNTIL_CLOSE):
                raise EndpointProtocolError("too many or malformed interim responses")
            await exchange.reply.inform(response)

    async def _more(self, exchange: Exchange, untouched: bool) -> bytes:
        """More bytes of a response head; `untouched`: none have come, on a connection that was used before."""
        try:
            more = await self.wire
        except WireError as error:
            raise lost(exchange, untouched, str(error.strerror)) from None
        if not more:
            raise lost(exchange, untouched, "closed before the response was complete")
        return more

    def _body(self, length: int, data: bytes, minor: int) -> StreamBody:
        return StreamBody(self.wire, length, data, closes=not minor, idle_seconds=self.limits.body_idle_seconds)

    def _whole(self, body: StreamBody, lasting: bool) -> None:
        """Note the end of a response, where it is one: what ends with its connection, or has more behind it, is not."""
        if lasting and body.done and body.length != UNTIL_CLOSE and not body.leftover:
            self._state |= READ

    async def _stream(self, exchange: Exchange, response: Response, body: StreamBody, lasting: bool) -> None:
        """Push a body as it arrives; what waits already goes with the head."""
        reply = exchange.reply
        exchange.head_at = monotonic()
        try:
            first = body.take()
            if body.done and body.trailers is None:
                response.length = len(first)  # it is all here: better counted than chunked
            pending = reply.begin(response, first)
            if pending is not None:
                await pending
            while data := await body.read():
                await reply.push(data)
        except Stalled as stalled:
            raise EndpointTimeout(f"response stands still: {stalled}") from None
        except Truncated as cut:
            kind = CutShort if isinstance(cut, Closed) else EndpointProtocolError
            raise (exchange.request_failure or kind(f"response cut short: {cut}")) from None
        trailers = body.trailers
        if body.length < 0:  # of the message, whatever became of it on the way to the client
            trailers = conclude(exchange, trailers)
        await reply.finish(trailers)
        self._whole(body, lasting)

    async def _discard(self, body: StreamBody, lasting: bool) -> None:
        """Read a small unwanted body to its end; give up the connection for a longer one."""
        with Timeout(DISCARD_SECONDS):
            try:
                await body.discard(DISCARD_BYTES)
            except (Truncated, HeadError):
                return
        self._whole(body, lasting)

    async def _tunnel(self, exchange: Exchange, response: Response, data: bytes) -> None:
        """Switch protocols, if that is what the client asked for."""
        chosen = response.field(b"upgrade")
        if upgrade_asked(exchange) == b"" or chosen is None or b"h2c" in chosen.lower():
            raise EndpointProtocolError("endpoint switched protocols unasked")
        if not self._state & SENT:
            raise EndpointProtocolError("endpoint switched protocols within the request")
        await self._carry(exchange, response, data)

    async def _carry(self, exchange: Exchange, response: Response, data: bytes) -> None:
        """The tunnel is through; `data` is the first of what the endpoint has sent."""
        self.wire.keep_alive(TUNNEL_SILENCE_SECONDS)
        exchange.response = response
        exchange.verdict = SUCCESS
        exchange.head_at = monotonic()
        exchange.reply_fields += via_response(response)
        try:
            await exchange.reply.tunnel(response, self.wire, data)
        except WireError:
            raise ClientGone("tunnel broke") from None


async def connect_http1(
    reactor: Reactor, host: str, port: int, limits: TransportLimits, dial: Dial = connect
) -> Transport:
    """See `proxy.transport.Connector`."""
    return UpstreamConnection(await dial(reactor, host, port), limits)
