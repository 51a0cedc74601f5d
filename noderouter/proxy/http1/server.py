"""The server side of HTTP/1.x: one coroutine per client connection (RFC 9112).

Reads a head, makes an Exchange, awaits the service, and decides whether the connection goes on. Requests that are
pipelined are answered one after the other. What is ambiguous is refused with a status and the connection closes;
nothing is repaired.

What stands still ends. While bytes are awaited their reader keeps the time; a connection between requests, and an
exchange whose response does not begin (`http.lifetime`), are looked at by `check`, about twice a second, so that no
request pays for a timer.
"""

from collections.abc import Awaitable
from math import inf
from random import uniform
from time import monotonic
from typing import Final

from dtab import Path
from noderouter.core.body import NO_BODY, WholeBody
from noderouter.core.connection import ConnectionInfo
from noderouter.core.errors import ClientGone, ClientProtocolError, ClientStalled, CutShort, RouterError, Truncated
from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.core.message import HTTP_1_0
from noderouter.core.service import Service
from noderouter.proxy.http import lifetime
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http1.body import StreamBody
from noderouter.proxy.http1.head import HeadError, parse_request
from noderouter.proxy.http1.normalise import normalise
from noderouter.proxy.http1.reply import Http1Reply
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Task, Timeout, sleep, stand_back
from noderouter.reactor.wire import GONE, Wire
from noderouter.telemetry.edges import Edge

LINGER_SECONDS = 1.0  # not Final: tests shorten it, and the compiler puts Final ones in place
"""How long a refused client may go on sending before its connection is closed: a close with unread bytes would
reset the connection and could destroy the answer (RFC 9112 section 9.6)."""
LINGER_BYTES: Final = 256 * 1024
LIFE_JITTER: Final = 0.2
"""Connections live shorter than they may, by up to this share: those opened together do not end together."""
PIPELINED_TURN: Final = 16
"""Requests of one read before others get their turn."""
LATE: Final = 0.9
"""The share of its life time after which a connection ends with the next response."""
DRAIN_IDLE_SECONDS: Final = 1.0
"""While draining, how long an idle connection may still send a request before it is closed."""
SLASH: Final = 47  # what an origin-form target begins with
EMPTY_LINES: Final = (b"\r\n", b"\r\n\r\n")
MAX_EMPTY_LINES: Final = 2
"""Between two requests (RFC 9112 section 2.2), beside as many that come with one: more would keep it from idling."""


class ServerConnection:
    """One client connection; `run` is its coroutine, which owns and closes the wire."""

    __slots__ = (
        "_ahead",
        "_body",
        "_born",
        "_edge",
        "_edge_name",
        "_ending",
        "_exchange",
        "_life",
        "_partial",
        "_reply",
        "_service",
        "_settings",
        "_stats",
        "_task",
        "wire",
    )

    def __init__(
        self,
        wire: Wire,
        service: Service,
        settings: ServerSettings,
        stats: ServerStats,
        connection: ConnectionInfo,
    ) -> None:
        self.wire = wire
        self._service = service
        self._settings = settings
        self._stats = stats
        self._ending = self._ahead = self._partial = False
        self._born = monotonic()
        life = settings.life_seconds
        self._life = life if life == inf else life * uniform(1 - LIFE_JITTER, 1)
        reply = self._reply = Http1Reply(wire, settings.clear_context, connection)
        reply.patience = settings.body_idle_seconds
        reply.tunnel_idle = settings.tunnel_idle_seconds
        self._task: Task | None = None
        self._exchange: Exchange | None = None
        self._body: StreamBody | None = None
        self._edge = stats.edges.nowhere
        self._edge_name: Path | None = None

    def __repr__(self) -> str:
        ip, port = self._reply.connection.peer
        return f"<ServerConnection from {ip}:{port} {self._exchange or 'idle'}>"

    @property
    def idle(self) -> bool:
        """No request is in progress: the next has not come whole, or its client goes on sending it no more."""
        exchange = self._exchange
        return exchange is None or lifetime.abandoned(exchange)

    @property
    def idle_since(self) -> float:
        """When the last response of an endpoint was complete, or an upload stopped, monotonic seconds; else 0.0."""
        last = self._reply.exchange
        if last is None:
            return 0.0
        return last.done_at if last.upstream is None else last.upstream.progress

    async def run(self, task: Task) -> None:
        """Serve until either side closes. `task` is the one that runs this."""
        self._task = task
        self.wire.on_hangup = self._left
        stats = self._stats
        stats.connects += 1
        stats.connections += 1
        shown = False
        try:
            await self._serve()
        except HeadError as error:
            await self._refuse(error.status, error.reason)
        except ClientProtocolError as error:
            await self._refuse(error.status, error.message)
        except CutShort:
            # A captured client sees what it would have seen without us, where that tells it enough.
            shown = self._reply.connection.destination is not None and self._reply.framed
        except ClientStalled:
            stats.stalls += 1
            self.wire.abort()
        except (WireError, ClientGone, Truncated, RouterError):
            self.wire.abort()  # nobody is there, or the response was cut short: say so with a reset
        except Exception:
            self.wire.abort()
            raise
        finally:
            if self._reply.started and not self._reply.complete and not shown:
                self.wire.abort()  # cancelled within a response, which must not look whole
            self.wire.close()
            stats.connections -= 1
            stats.closes += 1
            if self._exchange is not None and self._exchange.name is not None:
                edge = self._edge_to(self._exchange.name)  # it was cut off
                edge.requests += 1
                edge.failures += 1
            stats.edges.release(self._edge)
            # No circle is left behind: nothing has to wait for the collector.
            self._task = self._exchange = self._reply.exchange = None

    async def _serve(self) -> None:
        settings = self._settings
        max_line, max_head = settings.max_line_bytes, settings.max_head_bytes
        reply = self._reply
        stats = self._stats
        service = self._service
        scheme = reply.connection.scheme
        timed = self._life != inf  # an idle connection costs no timer unless its life is limited
        data = b""
        turn = skipped = 0
        while True:
            if not data:
                data = await self._next() if timed else await self.wire
                if not data:
                    return
            head = parse_request(data, max_line, max_head)
            if head is None:
                if data in EMPTY_LINES:  # of a client that sends a CRLF too much, and may be idle from now on
                    stats.received_bytes += len(data)
                    skipped += len(data) // 2
                    if skipped > MAX_EMPTY_LINES:
                        raise HeadError(400, "too many empty lines before a request")
                    data = b""
                else:
                    data = await self._rest_of_head(data)
                continue
            skipped = 0
            end, method, target, minor, host, length, persist, block, reserved = head
            stats.received_bytes += end
            data = data[end:] if end < len(data) else b""
            exchange = Exchange(
                method, target, host, block, NO_BODY, reply, HTTP_1_0 + minor, reserved, monotonic(), scheme=scheme
            )
            reply.exchange = exchange
            reply.reset(method == b"HEAD", minor == 0, persist and not self._ending)
            if target[0] != SLASH or reserved is not None:
                normalise(exchange)
                if exchange.tunnel:
                    # If there is no tunnel, what is behind the head must not be taken for a request.
                    reply.persist = False
                    reply.early, data = data, b""
            if length:
                data = await self._attach_body(exchange, length, data)
            self._exchange = exchange  # only now: who has not sent a whole request is idle
            self._ahead = len(data) > 0 and data not in EMPTY_LINES
            if data and reserved is not None:
                reply.early = data  # the next request, or the first of a tunnel: the answer to an upgrade decides
            if self.wire.hung_up:
                self._left(self.wire.hung_up)  # together with the request, while we were reading it
            await service(exchange)
            name = exchange.name
            edge = self._edge if self._edge_name is name else self._edge_to(name)
            edge.requests += 1
            if exchange.verdict is not SUCCESS:
                edge.failures += 1
            stats.sent_bytes += reply.sent_bytes
            self._exchange = None
            if not reply.complete:
                self.wire.abort()  # begun and not ended: the client must not take it for a whole message
                return
            if self._body is not None:
                body, self._body = self._body, None
                stats.received_bytes += body.read_bytes
                if not await self._behind_body(body):
                    return
                data = body.leftover
            if data and reply.persist:
                reply.early = b""
                turn += 1
                if turn == PIPELINED_TURN:  # what we answer ourselves awaits nothing
                    turn = 0
                    await stand_back()
            if not reply.persist:
                if not reply.tunnelled:
                    await self._linger()
                return
            if self._ending:  # its head had said that the connection goes on
                self.wire.reactor.spawn(self._end_if_idle(), "drain")

    def _edge_to(self, name: Path | None) -> Edge:
        """The edge from our client to a name, which is kept: most connections go on with the same name."""
        edges = self._stats.edges
        edges.release(self._edge)
        self._edge_name = name
        self._edge = edges.nowhere if name is None else edges.take(self._reply.connection.peer[0], name)
        return self._edge

    async def _attach_body(self, exchange: Exchange, length: int, data: bytes) -> bytes:
        """Give the exchange its body, at hand if it is small; answers the bytes behind it, if they are known."""
        if 0 < length <= len(data):
            self._stats.received_bytes += length
            exchange.body = WholeBody(data[:length], length <= self._settings.buffer_bytes)
            return data[length:]
        settings = self._settings
        body = self._body = StreamBody(self.wire, length, data, idle_seconds=settings.body_idle_seconds)
        exchange.body = body
        if 0 < length <= settings.buffer_bytes and exchange.field(b"expect") is None:
            with Timeout(settings.body_idle_seconds) as scope:
                await body.buffer()
            if scope.expired:
                raise ClientProtocolError("request body did not arrive in time", 408)
            exchange.body = WholeBody(body.data or b"")
            if exchange.reserved is not None:
                self._reply.early = body.leftover  # the next request, or the first of a tunnel, as below
        else:
            self._reply.upload = body
        return b""

    async def _next(self) -> bytes:
        """The first bytes of the next request within the life time, b"" when time is up.

        Late in its life a connection ends with the next response, which tells the client: one that is busy would
        else find it closed under its next request.
        """
        data, life = b"", self._life
        with Timeout(deadline=self._born + life) as scope:
            data = await self.wire
        if scope.expired or (data and monotonic() > self._born + LATE * life):
            self._ending = True
            self._stats.lifetime_closes += 1
        return data

    def drain(self) -> None:
        """End soon: a busy connection with its exchange, where the client can still be told so.

        One that is idle, or has been told that it may go on, is given `DRAIN_IDLE_SECONDS` for another request.
        """
        self._ending = True
        if self._exchange is None:
            self.wire.reactor.spawn(self._end_if_idle(), "drain")
        elif not self._reply.started:
            self._reply.persist = False

    async def _end_if_idle(self) -> None:
        await sleep(DRAIN_IDLE_SECONDS)
        while self._partial and self._task is not None:  # within the time of a head
            await sleep(DRAIN_IDLE_SECONDS)
        if self._exchange is None and self._body is None and self._task is not None:
            self._task.cancel("draining", self._forsaken)

    async def _rest_of_head(self, data: bytes) -> bytes:
        """Read on until the head is complete, or turns out to be none, within its time; answers all bytes so far."""
        settings = self._settings
        self._partial = True
        with Timeout(settings.head_seconds) as scope:
            while True:
                more = await self.wire
                if not more:
                    raise Truncated("closed within a request head")
                data += more
                if data in EMPTY_LINES or parse_request(data, settings.max_line_bytes, settings.max_head_bytes):
                    self._partial = False
                    return data
        self._partial = False
        if scope.expired:
            raise ClientProtocolError("request head did not arrive in time", 408)
        return data

    async def _behind_body(self, body: StreamBody) -> bool:
        """After a response: get the rest of the request out of the way; whether the connection can go on."""
        if body.done:
            return True
        if self._reply.tunnelled:
            return False
        if self._reply.persist:  # what is left is short, see `Http1Reply.begin`
            try:
                with Timeout(self._settings.body_idle_seconds):
                    if await body.discard(LINGER_BYTES):
                        return True
            except (HeadError, Truncated):
                pass  # broken, but answered already: a second response would be taken for the next one
        await self._linger()
        return False

    async def _refuse(self, status: int, reason: str) -> None:
        """Answer a request that is none, and close."""
        self._stats.protocol_errors += 1
        exchange, self._exchange = self._exchange, None
        reply = self._reply
        try:
            if exchange is not None and reply.started:
                self.wire.abort()
                return
            pending: Awaitable[None] | None = reply.refuse(status, reason, exchange)
            if pending is not None:
                with Timeout(LINGER_SECONDS):
                    await pending
            await self._linger()
        except (WireError, ClientGone):
            pass

    async def _linger(self) -> None:
        """Close in two steps, so that the last response arrives."""
        self.wire.finish()
        seen = 0
        with Timeout(LINGER_SECONDS):
            try:
                while seen < LINGER_BYTES and (data := await self.wire):
                    seen += len(data)
            except WireError:
                pass

    def _left(self, mask: int) -> None:
        """The client hung up while nobody was reading from it."""
        exchange = self._exchange
        if exchange is None or self._task is None:
            return
        if mask & GONE:
            lifetime.client_reset(self._task)
        elif not exchange.half_closed and not self._more_ahead() and self.wire.ended():
            lifetime.client_finished(exchange)

    def _more_ahead(self) -> bool:
        """Whether more of what the client has sent is here: the next request, or what goes into a tunnel first."""
        return self._ahead or len(self._reply.early) > 0 or (self._body is not None and self._body.ahead)

    def check(self, now: float) -> None:
        """End the connection, or its exchange, if it has stood still for too long; `now` is monotonic seconds."""
        task = self._task
        if task is None or task.unwinding:
            return
        exchange = self._exchange
        if exchange is not None:
            lifetime.end_overdue(exchange, task, now, self._serves)
        elif now - task.since > self._settings.idle_seconds and self._body is None:  # who buffers a body times it
            task.cancel("idle", self._idle_too_long)

    # Asked again in the step that ends something for it: a request may have come meanwhile.

    def _serves(self, exchange: Exchange) -> bool:
        return self._exchange is exchange

    def _forsaken(self) -> bool:
        return self._exchange is None and self._body is None and self.wire.silent()

    def _idle_too_long(self) -> bool:
        if not self._forsaken():
            return False
        self._stats.idle_closes += 1
        return True
