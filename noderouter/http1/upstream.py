"""The upstream side of HTTP/1.x: one exchange on one connection to an endpoint (RFC 9112).

Sends the request (a body that is at hand goes with the head, in one piece; a streaming one is pumped by a second
coroutine while the response is awaited), relays interim responses, asks `exchange.gate`, and
pushes the response into `exchange.reply`. Tells afterwards whether the connection can be used again.
"""

from collections.abc import Awaitable
from time import monotonic
from typing import Final

from noderouter.core.errors import ClientGone, ClientProtocolError, CutShort, EndpointProtocolError
from noderouter.core.exchange import CHUNKED, Exchange, Response, Verdict
from noderouter.core.headers import Headers
from noderouter.filter.success_class import success_fields
from noderouter.filter.via import via_request, via_response
from noderouter.http1.body import Closed, StreamBody, Truncated
from noderouter.http1.chunked import LAST_CHUNK, encode_chunk, encode_last
from noderouter.http1.head import HeadError, ResponseHead, parse_response
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Timeout
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

IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
_PLAIN: Final = Response(200, b"OK", Headers(), 0)
_GOOD: Final = success_fields(Verdict.SUCCESS) + via_response(_PLAIN)
_VERSION: Final = (b" HTTP/1.0\r\n", b" HTTP/1.1\r\n")
_VIA: Final = (b"via: 1.0 linkerd\r\n", b"via: 1.1 linkerd\r\n")
_WITH_LENGTH: Final = frozenset((b"POST", b"PUT", b"PATCH"))


class UpstreamConnection:
    """A connection to an endpoint; the pool owns it between exchanges.

    Attributes:
        reusable: after an exchange, whether another may follow.
        idle_since: monotonic seconds, kept by the pool.
    """

    __slots__ = ("born", "idle_since", "on_lost", "reusable", "used", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.used = 0
        self.reusable = False
        self.born = self.idle_since = monotonic()

    def __repr__(self) -> str:
        return f"<UpstreamConnection {self.wire!r} used={self.used}>"

    def close(self) -> None:
        """Close the wire."""
        self.wire.close()

    def exchange(self, exchange: Exchange, fields: bytes) -> Awaitable[None]:
        """Carry one exchange. `fields` go into the request head behind the client's own.

        Sends at once, if the body is at hand; what is answered has to be awaited. Raises, then or now:
            EndpointProtocolError: the endpoint broke off or broke the rules; `retryable` where nothing of
                the request was processed.
        """
        reused = self.used > 0
        self.used += 1
        self.reusable = False
        data = exchange.body.data
        if data is None:
            return self._with_pump(exchange, fields)
        try:
            if self.wire.put(_request(exchange, fields, data)):
                return self._respond(exchange, reused)
        except WireError as error:  # the kernel took nothing
            raise EndpointProtocolError(f"connection lost: {error.strerror}", retryable=True) from None
        return self._drained(exchange, reused)

    async def tunnel(self, exchange: Exchange) -> None:
        """Carry bytes both ways, to an endpoint where the tunnel ends (RFC 9110 section 9.3.6)."""
        self.used += 1
        await self._carry(exchange, Response(200, b"Connection established", Headers(), 0), b"")

    # The request

    async def _drained(self, exchange: Exchange, reused: bool) -> None:
        """The kernel did not take the request whole."""
        try:
            await self.wire.drain()
        except WireError:
            pass  # the endpoint may have answered before it read everything: see what it says
        await self._respond(exchange, reused)

    async def _with_pump(self, exchange: Exchange, fields: bytes) -> None:
        """Send a streaming body from a second coroutine, while this one awaits the response."""
        try:
            await self.wire.send(_request(exchange, fields, b""))
        except WireError as error:
            raise EndpointProtocolError(f"connection lost: {error.strerror}", retryable=True) from None
        pump = self.wire.reactor.spawn(self._pump(exchange), "request body")
        try:
            await self._respond(exchange, False)
            self.reusable = self.reusable and pump.done and pump.failure is None
        finally:
            if not pump.done:
                self.reusable = False
                pump.cancel("the response is complete")
                await pump.join()

    async def _pump(self, exchange: Exchange) -> None:
        """Send the request body on as it comes. What goes wrong with it ends the connection."""
        body = exchange.body
        wire = self.wire
        chunked = body.length == CHUNKED
        try:
            while data := await body.read():
                await wire.send(encode_chunk(data) if chunked else data)
            if chunked:
                await wire.send(LAST_CHUNK if body.trailers is None else encode_last(body.trailers))
        except WireError:
            return  # the endpoint has heard enough; whether it answers is seen by the reader
        except Truncated:
            self._fail(exchange, ClientGone("client closed within its request body"))
        except HeadError as error:
            self._fail(exchange, ClientProtocolError(error.reason, error.status))

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        """The client's side broke: reset the endpoint, which wakes the reader, who raises `error`."""
        exchange.failure = error
        self.wire.abort()

    # The response

    async def _respond(self, exchange: Exchange, reused: bool) -> None:
        """Read the response, judge it, and push it. Written for the case that it comes in one piece."""
        try:
            data = await self.wire
            head = parse_response(data, MAX_LINE_BYTES, MAX_HEAD_BYTES) if data else None
            if head is None or head[1] < 200:
                found = await self._final_head(exchange, data, reused)
                if found is None:
                    return  # became a tunnel
                head, data = found
            end, status, reason, minor, length, persist, block, special = head
            data = data[end:] if end < len(data) else b""  # a slice costs more than the question
            if exchange.tunnel and status < 300:
                await self._carry(exchange, Response(status, reason, block, 0, minor, special), data)
                return
            self.reusable = persist and minor == 1 and exchange.minor == 1
            response = Response(status, reason, block, length, minor, special)
            if exchange.method == b"HEAD" or status == 204 or status == 304:
                length = 0
            exchange.response = response
            verdict = exchange.verdict = exchange.classifier(exchange)
            if verdict is Verdict.RETRYABLE and exchange.gate is not None and not exchange.gate.wants(exchange):
                await self._discard(StreamBody(self.wire, length, data, closes=not minor))
                return
            plain = special is None and minor and verdict is Verdict.SUCCESS
            exchange.reply_fields += _GOOD if plain else _reply_fields(verdict, response)
            if len(data) != length:
                await self._stream(exchange, response, StreamBody(self.wire, length, data, closes=not minor))
                return
            pending = exchange.reply.begin(response, data)
            if pending is not None:
                await pending
        except HeadError as error:
            raise EndpointProtocolError(f"invalid response: {error.reason}") from None
        except WireError as error:
            raise _lost(exchange, reused, str(error.strerror)) from None

    async def _final_head(self, exchange: Exchange, data: bytes, reused: bool) -> tuple[ResponseHead, bytes] | None:
        """Read on up to the final head, relaying interim ones; that head and the bytes from its start.

        None: the connection became a tunnel, which has ended.
        """
        interim = 0
        while True:
            head = parse_response(data, MAX_LINE_BYTES, MAX_HEAD_BYTES) if data else None
            if head is None:
                data += await self._more(exchange, reused and not data and not interim)
                continue
            end, status, reason, minor, length, _, block, special = head
            if status >= 200:
                return head, data
            data = data[end:]
            response = Response(status, reason, block, 0, minor, special)
            if status == 101:
                await self._tunnel(exchange, response, data)
                return None
            interim += 1
            if interim > MAX_INTERIM or length > 0:
                raise EndpointProtocolError("too many or malformed interim responses")
            await exchange.reply.inform(response)

    async def _more(self, exchange: Exchange, untouched: bool) -> bytes:
        """More bytes of a response head; `untouched`: none have come, on a connection that was used before."""
        try:
            more = await self.wire
        except WireError as error:
            raise _lost(exchange, untouched, str(error.strerror)) from None
        if not more:
            raise _lost(exchange, untouched, "closed before the response was complete")
        return more

    async def _stream(self, exchange: Exchange, response: Response, body: StreamBody) -> None:
        """Push a body as it arrives; what waits already goes with the head."""
        reply = exchange.reply
        exchange.headed = monotonic()
        try:
            first = body.take()
            if body.done and body.trailers is None:
                response.length = len(first)  # it is all here: better counted than chunked
            pending = reply.begin(response, first)
            if pending is not None:
                await pending
            while data := await body.read():
                await reply.push(data)
        except Truncated as error:
            kind = CutShort if isinstance(error, Closed) else EndpointProtocolError
            raise (exchange.failure or kind(f"response cut short: {error}")) from None
        await reply.finish(body.trailers)
        if body.leftover:
            self.reusable = False

    async def _discard(self, body: StreamBody) -> None:
        """Read a small unwanted body to its end; give up the connection for a longer one."""
        done = False
        with Timeout(DISCARD_SECONDS):
            try:
                done = await body.discard(DISCARD_BYTES)
            except (Truncated, HeadError):
                pass
        if not done or body.leftover:
            self.reusable = False

    async def _tunnel(self, exchange: Exchange, response: Response, data: bytes) -> None:
        """Switch protocols, if that is what the client asked for."""
        if upgrade_fields(exchange) == b"" or response.field(b"upgrade") is None:
            raise EndpointProtocolError("endpoint switched protocols unasked")
        await self._carry(exchange, response, data)

    async def _carry(self, exchange: Exchange, response: Response, data: bytes) -> None:
        """The tunnel is through; `data` is the first of what the endpoint has sent."""
        self.reusable = False
        self.wire.keep_alive(TUNNEL_SILENCE_SECONDS)
        exchange.response = response
        exchange.verdict = Verdict.SUCCESS
        exchange.headed = monotonic()
        exchange.reply_fields += via_response(response)
        try:
            await exchange.reply.tunnel(response, self.wire, data)
        except WireError:
            raise ClientGone("tunnel broke") from None


def _request(exchange: Exchange, fields: bytes, data: bytes) -> bytes:
    """The request head, framed afresh, with the body if it is at hand."""
    length = exchange.body.length
    if length > 0:
        framing = b"content-length: %d\r\n" % length
    elif length == CHUNKED:
        framing = b"transfer-encoding: chunked\r\n"
    elif exchange.method in _WITH_LENGTH:
        framing = b"content-length: 0\r\n"
    else:
        framing = b""
    if exchange.special is not None:
        if length != 0 and exchange.minor and exchange.field(b"expect") is not None:
            framing += b"expect: 100-continue\r\n"
        framing += upgrade_fields(exchange)
    # One join: half the price of formatting.
    return b"".join(
        (
            exchange.method,
            b" ",
            exchange.target,
            _VERSION[exchange.minor],
            exchange.block,
            exchange.request_fields,
            fields,
            _VIA[exchange.minor] if exchange.special is None else via_request(exchange),
            framing,
            b"\r\n",
            data,
        )
    )


def upgrade_fields(exchange: Exchange) -> bytes:
    """The fields that ask for another protocol, or b"".

    Never `h2c`: the tunnel would carry requests past the router. Not with a body, nor for HTTP/1.0.
    """
    upgrade = exchange.field(b"upgrade")
    if upgrade is None or not exchange.minor or exchange.body.length != 0 or b"h2c" in upgrade.lower():
        return b""
    return b"connection: upgrade\r\nupgrade: %b\r\n" % upgrade


def _reply_fields(verdict: Verdict, response: Response) -> bytes:
    """What the router adds to every response."""
    return success_fields(verdict) + via_response(response)


def _lost(exchange: Exchange, untouched: bool, words: str) -> Exception:
    """The connection ended before a response, unless it is the client's side that broke.

    A reused connection that dies before the first byte was most likely idle-closed by the endpoint. That the
    request was not processed cannot be known, so only idempotent ones may be sent again (RFC 9110 9.2.2).
    """
    if exchange.failure is not None:
        return exchange.failure
    again = untouched and exchange.body.data is not None and exchange.method in IDEMPOTENT
    return EndpointProtocolError(f"connection lost: {words}", retryable=again)
