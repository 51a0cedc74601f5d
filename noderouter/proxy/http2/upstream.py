"""Exchanges with an endpoint that speaks HTTP/2: each on a stream of a shared session (RFC 9113 section 8).

A request whose body is at hand goes out as HEADERS and DATA in one piece; a streaming one is pumped by a second
coroutine while the response is awaited. Whoever leaves an exchange by an exception resets its stream, in the same
round, and touches no other one.
"""

from collections.abc import Awaitable
from functools import partial
from time import monotonic
from typing import Final

from noderouter.core.body import CHUNKED
from noderouter.core.errors import (
    ClientGone,
    ClientProtocolError,
    EndpointProtocolError,
    EndpointTimeout,
    MalformedMessage,
    Stalled,
    Truncated,
    Unprocessed,
)
from noderouter.core.exchange import SUCCESS, Awaited, Exchange
from noderouter.core.message import HTTP_2, Response
from noderouter.proxy.http.outcome import conclude, deliver, lost
from noderouter.proxy.http.status import phrase
from noderouter.proxy.http.trailers import follow, takes_trailers, trailer_line
from noderouter.proxy.http.upgrade import KEY, without
from noderouter.proxy.http.via import via_request, via_response
from noderouter.proxy.http2.client_session import SILENCE_SECONDS, UNACKNOWLEDGED_SECONDS, ClientSession
from noderouter.proxy.http2.client_settings import DEFAULT_CLIENT, Http2ClientSettings
from noderouter.proxy.http2.client_stream import ClientStream, SessionLost
from noderouter.proxy.http2.extended_connect import as_switched, extended
from noderouter.proxy.http2.frames import CANCEL, NO_ERROR
from noderouter.proxy.http2.stream import MOST_QUEUED
from noderouter.proxy.http2.translate import check_target, never_indexed, said_authority
from noderouter.proxy.transport import NO_QUOTA, SharedConnector, SharedTransport, Transport, TransportLimits
from noderouter.reactor.dial import Dial, connect
from noderouter.reactor.errors import Unwind, WireError
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import PARK, Task, current_task
from noderouter.telemetry.streams import StreamStats

_VIA: Final = b"via: 2.0 linkerd\r\n"


class StreamTransport(Transport):
    """Carries one exchange."""

    __slots__ = ("_asked", "_limits", "_quota", "_sent", "_session", "_stream")

    def __init__(self, shared: SharedTransport, session: ClientSession, limits: TransportLimits) -> None:
        super().__init__(session.wire, limits.head_seconds, shared.born)
        self.shared = shared
        self._session = session
        self._limits = limits
        self._stream: ClientStream | None = None
        self._asked = b""
        self._sent = False
        self._quota = NO_QUOTA

    def __repr__(self) -> str:
        return f"<StreamTransport {self._stream or 'new'} of {self._session!r}>"

    @property
    def idle(self) -> bool:
        """A stream carries one exchange, and then no other."""
        return False

    @property
    def awaited(self) -> Awaited:
        """See `core.exchange.Upstream`."""
        if self._sent:
            return Awaited.RESPONSE
        stream = self._stream
        return Awaited.READING if stream is not None and stream.pending is not None else Awaited.CLIENT

    def finish(self) -> None:
        """Nothing to pass on: that the request is whole, END_STREAM has said."""

    def tunnel(self, exchange: Exchange) -> Awaitable[None]:
        """Not on a shared connection."""
        raise EndpointProtocolError("a tunnel needs a connection of its own")

    async def exchange(self, exchange: Exchange, fields: bytes) -> None:
        """See `Transport`."""
        exchange.upstream = self
        exchange.request_failure = None
        session = self._session
        if exchange.reserved is not None and exchange.field(b"upgrade") is not None:
            self._asked = await extended(session, exchange)
        if session.room <= 0:  # it may have ended meanwhile
            raise Unprocessed("connection lost: it has just ended")
        check_target(exchange)
        heard = session.heard
        stream = self._stream = session.begin(exchange.method == b"HEAD", self._asked != b"")
        pump: Task | None = None
        broken: BaseException | None = None
        try:
            if not self._send_head(exchange, stream, fields):
                pump = session.reactor.spawn(self._pump(exchange, stream), "request body")
            if stream.waits():  # here, and not in a function: a frame costs as much as what it does
                stream.reader = current_task()
                while stream.waits():
                    await PARK
                stream.reader = None
            if stream.whole() and not self._asked:
                data = self._deliver(exchange, stream, True)
                if data is not None and exchange.response is not None:
                    pending = exchange.reply.begin(exchange.response, data)
                    if pending is not None:
                        await pending
            else:
                await self._respond(exchange, stream)
            if pump is not None and not pump.done and not stream.finished:
                await self._outlast(exchange, stream, pump)
        except BaseException as error:  # no `finally`: compiled, an exception is lost where one awaits in it (ADR 16)
            broken = error
            stream.reader = None
        if session.heard == heard and isinstance(broken, Unwind | EndpointTimeout):
            session.doubt()
        session.counts.ended += 1
        session.counts.failures += broken is not None
        stream.close(NO_ERROR if broken is None and stream.ended else CANCEL)  # first: what comes then may fail
        if pump is not None and not pump.done:
            pump.cancel("the response is complete")
            await pump.join()
        if broken is not None:
            raise broken

    # The request

    def _send_head(self, exchange: Exchange, stream: ClientStream, fields: bytes) -> bool:
        """Send the head, and the body if it is at hand and there is room; answers whether that was all."""
        session = self._session
        if self._asked:
            block = without(exchange.block, KEY)
            session.write(
                session.encoder.request(
                    stream.number, False, b"", b"CONNECT", exchange.scheme, exchange.authority, exchange.target,
                    self._asked, -1, None, block, exchange.request_fields, fields, via_request(exchange),
                )
            )  # fmt: skip
            self._sent = True
            return True
        data = exchange.body.data
        reserved = exchange.reserved
        never: tuple[bytes, ...] | None = None
        extra = _VIA
        if reserved is not None or exchange.version != HTTP_2:
            extra = via_request(exchange)
        if reserved is not None:
            never = never_indexed(reserved)
            if takes_trailers(reserved):
                extra += b"te: trailers\r\n"
            if exchange.field(b"expect") is not None and data != b"":
                extra += b"expect: 100-continue\r\n"
            extra += trailer_line(reserved)
        authority = exchange.authority or None
        if exchange.destination is not None:
            authority = said_authority(exchange)
        length = exchange.body.length
        if length == 0 and exchange.method == b"GET":
            length = -1
        last = False
        if data is not None:
            count = len(data)
            last = (
                count <= stream.window
                and count <= session.window
                and count <= session.peer.max_frame
                and (not count or (session.queued < MOST_QUEUED and not session.line))
            )
        if data is None or not last:
            data = b""
        stream.window -= len(data)
        session.window -= len(data)
        session.updates.sent(len(data))
        session.write(
            session.encoder.request(
                stream.number, last, data, exchange.method, exchange.scheme, authority, exchange.target,
                None, length, never, exchange.block, exchange.request_fields, fields, extra,
            )
        )  # fmt: skip
        stream.finished = self._sent = last
        return last

    async def _pump(self, exchange: Exchange, stream: ClientStream) -> None:
        """Send the request body on as it comes. What goes wrong with it ends the stream."""
        body = exchange.body
        try:
            data = body.data
            if data is not None:
                pending = stream.send(data, True)
                if pending is not None:
                    await pending
            else:
                while data := await body.read():
                    self._quota -= len(data)
                    if self._quota < 0 or stream.finished:
                        return
                    pending = stream.send(data, False)
                    if pending is not None:
                        await pending
                    self.progress = monotonic()
                if stream.finished:
                    return
                if body.trailers is None or not body.trailers.block:
                    stream.finish_sending()
                else:
                    stream.finished = True
                    trailers = body.trailers
                    self._session.write(self._session.encoder.trailers(stream.number, trailers.never, trailers.block))
            self._sent = True
            self.progress = exchange.sent_at = monotonic()
        except Stalled as still:
            self._fail(exchange, stream, ClientProtocolError(f"request body stands still: {still}", 408))
        except Truncated:
            self._fail(exchange, stream, ClientGone("client closed within its request body"))
        except MalformedMessage as wrong:
            self._fail(exchange, stream, ClientProtocolError(wrong.reason, wrong.status))
        except (ClientGone, ClientProtocolError, EndpointProtocolError) as known:
            self._fail(exchange, stream, known)
        except SessionLost:
            return  # its reader sees it, too

    @staticmethod
    def _fail(exchange: Exchange, stream: ClientStream, error: Exception) -> None:
        """The request broke: wake whoever awaits the response, which raises `error` and resets the stream."""
        exchange.request_failure = error
        if stream.fault is None:
            stream.fault = error
        stream.wake()

    async def _outlast(self, exchange: Exchange, stream: ClientStream, pump: Task) -> None:
        """The response was complete before the request was: let that go on as long as the endpoint reads."""
        if not exchange.reply.started:
            return  # it was discarded: nobody waits for it, but for the next try
        exchange.head_at = exchange.head_at or monotonic()
        self._quota = self._limits.upload_bytes
        await stream.outlast(pump, self._limits.upload_seconds)

    # The response

    async def _respond(self, exchange: Exchange, stream: ClientStream) -> None:
        """Push a response that has not come in one piece, behind the interim ones."""
        while True:
            if stream.interim:
                await self._inform(exchange, stream)
            if stream.headed or stream.broken():
                break
            await stream.head()
        if stream.broken():  # even where a head has come: nobody has seen it
            raise self._failure(exchange, stream)
        if self._asked and stream.status < 300:
            await self._carry(exchange, stream)
            return
        whole = stream.whole()
        data = self._deliver(exchange, stream, whole)
        response = exchange.response
        if data is None or response is None:
            return
        reply = exchange.reply
        exchange.head_at = monotonic()
        pending = reply.begin(response, data)
        if pending is not None:
            await pending
        if whole:
            return
        while True:
            while stream.awaits_body():
                await stream.more(self._limits.body_idle_seconds)
            if stream.pieces:
                await reply.push(stream.take())
            elif stream.broken():
                raise self._failure(exchange, stream)
            else:
                break
        trailers = stream.trailers
        if response.length < 0:  # of the message, whatever became of it on the way to the client
            trailers = conclude(exchange, trailers)
        await reply.finish(trailers)

    @staticmethod
    def _deliver(exchange: Exchange, stream: ClientStream, whole: bool) -> bytes | None:
        """Judge the response; return what is here of its payload, or None where it is discarded for another try."""
        response = Response(stream.status, phrase(stream.status), stream.block, stream.length, HTTP_2, stream.reserved)
        data = stream.take() if stream.pieces else b""
        if whole and not stream.bodyless:
            response.length = len(data)
        elif not stream.bodyless and (stream.length < 0 or stream.trailers is not None or follow(exchange, response)):
            response.length = CHUNKED  # its end is that of the stream: trailers come behind what its length counts
        return data if deliver(exchange, response) else None

    async def _carry(self, exchange: Exchange, stream: ClientStream) -> None:
        """The endpoint has taken an extended CONNECT: the rest of the stream is a tunnel."""
        response = as_switched(exchange, self._asked, stream.block, stream.reserved)
        exchange.response = response
        exchange.verdict = SUCCESS
        exchange.head_at = monotonic()
        exchange.reply_fields += via_response(response)
        try:
            await exchange.reply.tunnel(response, stream, b"")
        except WireError:
            raise ClientGone("tunnel broke") from None

    @staticmethod
    async def _inform(exchange: Exchange, stream: ClientStream) -> None:
        interim, stream.interim = stream.interim, []
        for status, block in interim:
            await exchange.reply.inform(Response(status, phrase(status), block, 0, HTTP_2))

    def _failure(self, exchange: Exchange, stream: ClientStream) -> Exception:
        """What the attempt fails with."""
        if exchange.request_failure is not None:
            return exchange.request_failure
        fault = stream.fault
        if isinstance(fault, SessionLost):
            untouched = not stream.headed and not stream.interims and self.shared is not None and self.shared.used > 1
            return lost(exchange, untouched, str(fault))
        # That of a session is the fault of all its streams, each of which would add its frames to it.
        return (fault or EndpointProtocolError("response cut short")).with_traceback(None)


class Http2Upstream(SharedTransport):
    """A session with an endpoint, as its pool sees it."""

    __slots__ = ("_limits", "session")

    def __init__(self, session: ClientSession, limits: TransportLimits) -> None:
        super().__init__(session.wire)
        self.session = session
        self._limits = limits
        session.owner = self

    def __repr__(self) -> str:
        return f"<Http2Upstream {self.session!r} taken={self.taken}>"

    @property
    def room(self) -> int:
        """See `SharedTransport`."""
        return self.session.room

    @property
    def shut(self) -> bool:
        """See `SharedTransport`."""
        return self.session.peer.max_streams == 0 and not self.ending

    def check(self, now: float) -> None:
        """See `SharedTransport`."""
        self.session.check(now)

    @property
    def ending(self) -> bool:
        """See `SharedTransport`."""
        session = self.session
        return session.going or session.lost or session.wire.closed

    def count_in(self, stats: StreamStats) -> None:
        """See `SharedTransport`."""
        self.session.counts = stats

    def open(self) -> Transport:
        """See `SharedTransport`."""
        return StreamTransport(self, self.session, self._limits)

    def retire(self) -> None:
        """See `SharedTransport`."""
        self.session.retire()

    def close(self) -> None:
        """Say goodbye, and close."""
        session = self.session
        session.retire()
        session.flush()
        self.wire.close()


def connector(settings: Http2ClientSettings = DEFAULT_CLIENT, dial: Dial = connect) -> SharedConnector:
    """What opens sessions with these settings, on connections that `dial` opens."""
    return partial(connect_http2, settings=settings, dial=dial)


async def connect_http2(
    reactor: Reactor,
    host: str,
    port: int,
    limits: TransportLimits,
    settings: Http2ClientSettings = DEFAULT_CLIENT,
    dial: Dial = connect,
) -> SharedTransport:
    """See `proxy.transport.SharedConnector`: HTTP/2 with prior knowledge (RFC 9113 section 3.3), or as TLS has told."""
    wire = await dial(reactor, host, port)
    wire.keep_alive(SILENCE_SECONDS, UNACKNOWLEDGED_SECONDS)
    session = ClientSession(wire, settings, limits.body_idle_seconds)
    reactor.spawn(session.run(), session)
    return Http2Upstream(session, limits)
