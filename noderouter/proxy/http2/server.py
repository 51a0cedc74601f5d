"""The server side of HTTP/2: one session per client connection, one coroutine for each of its streams (RFC 9113).

Frames of one read are all handled before the streams that they begin are started, so a small request is whole when it
is served, and can be sent again. What is malformed is refused, never repaired: its stream is reset, and no other stream
of the session is touched.

How it ends is in `parting`.
"""

from math import inf
from random import uniform
from time import monotonic
from typing import Final

from dtab import Path
from noderouter.core.body import NO_BODY
from noderouter.core.connection import ConnectionInfo
from noderouter.core.errors import ClientGone, ClientProtocolError
from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.core.message import HTTP_2
from noderouter.core.service import Service
from noderouter.proxy.http import lifetime
from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.http.h2c import H2cRequest, ReadH2c
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http.target import check_expectation
from noderouter.proxy.http2.extended_connect import as_upgrade
from noderouter.proxy.http2.field_rules import NO_AUTHORITY
from noderouter.proxy.http2.flood import UNTOLD_REFUSALS
from noderouter.proxy.http2.frames import (
    HEADER_BLOCKS,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    SessionError,
)
from noderouter.proxy.http2.greeting import SWITCHING, read_preface, refuse_old
from noderouter.proxy.http2.parting import Parting
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.http2.server_stream import ServerStream
from noderouter.proxy.http2.settings import ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS, announcement
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Task
from noderouter.reactor.wire import Wire
from noderouter.telemetry.edges import Edge

LIFE_JITTER: Final = 0.2
"""Sessions live shorter than they may, by up to this share: those opened together do not end together."""


class Http2Connection(Parting):
    """One client connection; `run` is its coroutine, which owns and closes the wire.

    Attributes:
        connection: the client's, for what is served.
        settings, stats: of its server.
        gathered_bytes: how long a body may be that is waited for as a whole before its request is served.
    """

    __slots__ = (
        "_born",
        "_edge",
        "_edge_name",
        "_fresh",
        "_idle_at",
        "_life",
        "_read_h2c",
        "_service",
        "_untold",
        "connection",
        "gathered_bytes",
        "settings",
        "stats",
    )

    def __init__(
        self,
        wire: Wire,
        service: Service,
        settings: Http2ServerSettings,
        stats: ServerStats,
        connection: ConnectionInfo,
        read_h2c: ReadH2c | None = None,
    ) -> None:
        """`read_h2c` takes requests of HTTP/1.1 that ask for HTTP/2; without it those are refused, like any other."""
        super().__init__(wire, settings, settings.body_idle_seconds)
        self.decoder.extended_connect = True
        self._read_h2c = read_h2c
        self.settings = settings
        self.stats = stats
        self.counts = stats.streams
        self.connection = connection
        self.gathered_bytes = min(settings.buffer_bytes, settings.stream_window)
        self._service = service
        self._born = self._idle_at = monotonic()
        life = settings.life_seconds
        self._life = life if life == inf else life * uniform(1 - LIFE_JITTER, 1)
        self._fresh: list[ServerStream] = []
        self._untold = UNTOLD_REFUSALS
        self._edge: Edge = stats.edges.nowhere
        self._edge_name: Path | None = None

    def __repr__(self) -> str:
        ip, port = self.connection.peer
        state = "draining" if self.draining else f"{self.running} streams"
        return f"<Http2Connection from {ip}:{port} {state}>"

    @property
    def idle(self) -> bool:
        """See `listener.places.Connection`."""
        return self.running == 0

    @property
    def idle_since(self) -> float:
        """See `listener.places.Connection`."""
        return self._idle_at

    async def run(self, task: Task) -> None:
        """Serve until either side closes. `task` is the one that runs this."""
        self._task = task
        stats = self.stats
        stats.connects += 1
        stats.connections += 1
        wrong: SessionError | None = None
        try:
            await self.read_on(await self._greet())
        except SessionError as error:
            stats.protocol_errors += 1
            if error.flood:
                self.counts.note(error.flood)
            wrong = error
        except WireError:
            pass
        except BaseException:
            self.leave()
            self._closed()
            raise
        if wrong is not None:
            self._parting = True
            self._introduce()
            self._drop_fresh()
            streams = list(self.streams.values())
            self.streams.clear()
            gone = ClientGone("client broke the protocol")
            for stream in streams:
                stream.lose(gone)
            try:
                await self.say_goodbye(wrong.code, wrong.reason)
            except BaseException:
                self._closed()
                raise
        self._closed()

    def _drop_fresh(self) -> None:
        """What the last read has begun is not served; no circle is left behind."""
        for stream in self._fresh:
            stream.exchange = None
        self._fresh.clear()

    def _closed(self) -> None:
        self._drop_fresh()
        self.lose_all(ClientGone("client closed the connection"))
        self.wire.close()
        self.stats.connections -= 1
        self.stats.closes += 1
        self.stats.edges.release(self._edge)
        self._task = None

    async def _greet(self) -> bytes:
        """Read the preface, and send ours; what came behind it, b"" where the client is none."""
        data = await read_preface(self.wire, self.settings.head_seconds)
        if not data:
            return b""
        if not data.startswith(PREFACE):
            asked = (
                None if self._read_h2c is None else await self._read_h2c(self.wire, data, self.settings.head_seconds)
            )
            if asked is None:
                self.stats.protocol_errors += 1
                await refuse_old(self.wire, data, self.patience)
                return b""
            return await self._upgrade(asked)
        self._introduce()
        return data[len(PREFACE) :]

    async def _upgrade(self, asked: H2cRequest) -> bytes:
        """Go on from a request of HTTP/1.1, which is answered on stream 1, when the preface of its client is here."""
        await self.wire.send(SWITCHING, self.patience)
        self._introduce()
        self.apply_settings(asked.settings, 0, len(asked.settings))
        data = await read_preface(self.wire, self.settings.head_seconds, asked.rest)
        if not data.startswith(PREFACE):
            return b""
        self.last = 1
        made = self.streams[1] = ServerStream(self, 1, 0, asked.method == b"HEAD")
        made.ended = True
        made.exchange = Exchange(
            asked.method, asked.target, asked.authority, asked.block, made, made, HTTP_2, asked.reserved, monotonic()
        )
        self._fresh.append(made)
        return data[len(PREFACE) :]

    def _introduce(self) -> None:
        """See `Parting`."""
        if self._greeted:
            return
        self._greeted = True
        values = [(MAX_CONCURRENT_STREAMS, self.settings.max_streams), (ENABLE_CONNECT_PROTOCOL, 1)]
        self.write(announcement(self.settings, values))

    # Streams

    def on_headers(self, number: int, last: bool, data: bytes, pos: int, stop: int) -> None:
        """A request, or the trailers of one."""
        stream = self.streams.get(number)
        if stream is not None or number <= self.last:
            self._on_trailers(number, stream, last, data, pos, stop)
            return
        method, scheme, authority, path, protocol, block, reserved, length, status, reason = self.decoder.request(
            data, pos, stop
        )
        if not number & 1:
            raise SessionError(PROTOCOL_ERROR, "a client's streams have odd numbers")
        self.last = number
        if self.going or self.running + len(self._fresh) >= self.settings.max_streams:
            if not self.going:
                if self.acknowledged or self._untold <= 0:
                    self.count_reset()
                self._untold -= 1
            self.reset(number, REFUSED_STREAM, 0 if last else self.first_window)
            return
        if last and length > 0:
            status, reason = 400, "Content-Length without DATA"
        if status and status != 431 and reason != NO_AUTHORITY:
            self.stats.protocol_errors += 1
            self.count_reset()
            self.reset(number, PROTOCOL_ERROR, 0 if last else self.first_window)
            return
        made = ServerStream(self, number, length, method == b"HEAD")
        made.ended = last
        self.streams[number] = made
        if status:  # what it asks for is not known, and HEAD is answered without words
            self._refuse(made, status, reason, False)
            return
        if protocol is not None:
            method = b"GET"
            block, reserved, made.key = as_upgrade(protocol, block, reserved)
            made.switches = True
        exchange = Exchange(method, path, authority, block, made, made, HTTP_2, reserved, monotonic(), scheme=scheme)
        if protocol is not None:
            exchange.body = NO_BODY
            made.tunnels = True
        elif method == b"CONNECT":
            exchange.tunnel = made.tunnels = True
            exchange.scheme = b"tcp"
            exchange.target = authority or b""
            exchange.reserved = reserved or ()  # so that it passes the filters of reserved requests: `Connect`
        elif reserved is not None and exchange.field(b"expect") is not None:
            try:
                check_expectation(exchange)
            except ClientProtocolError as error:
                self._refuse(made, error.status, error.message, True)
                return
        made.exchange = exchange
        self._fresh.append(made)

    def _on_trailers(self, number: int, stream: object, last: bool, data: bytes, pos: int, stop: int) -> None:
        block, reserved, status, reason = self.decoder.trailers(data, pos, stop)
        if not isinstance(stream, ServerStream):
            if self.was_reset(number):
                self.useless("HEADERS on closed streams")
                return
            raise SessionError(STREAM_CLOSED, "HEADERS on a closed stream")
        self.end_with_trailers(stream, last, block, reserved, reason if status else None)

    def _refuse(self, stream: ServerStream, status: int, reason: str, words: bool) -> None:
        """Answer a request that no filter sees."""
        self.stats.protocol_errors += 1
        self.count_reset()
        stream.refuse(status, reason, words=words)
        stream.close(NO_ERROR)

    def on_read(self) -> None:
        """Serve the streams that the last read has begun."""
        fresh = self._fresh
        if not fresh:
            return
        buffer_bytes = self.settings.buffer_bytes
        for stream in fresh:
            if stream.cut:  # begun and reset in one read
                stream.exchange = None
                stream.close(NO_ERROR)
                continue
            stream.begin_body(buffer_bytes)
            self.running += 1
            self.counts.begun += 1
            stream.task = self.reactor.crew.spawn(stream.run(self._service), stream)
        fresh.clear()

    def done(self, exchange: Exchange) -> None:
        """Note that an exchange is over."""
        self.running -= 1
        name = exchange.name
        edge = self._edge if self._edge_name is name else self._edge_to(name)
        edge.requests += 1
        if exchange.verdict is not SUCCESS:
            edge.failures += 1
        if self.running == 0:
            self._idle_at = monotonic()
            if self.going and self._task is not None:
                self.part()

    def _edge_to(self, name: Path | None) -> Edge:
        """The edge from our client to a name, which is kept: most streams go on with the same name."""
        edges = self.stats.edges
        edges.release(self._edge)
        self._edge_name = name
        self._edge = edges.nowhere if name is None else edges.take(self.connection.peer[0], name)
        return self._edge

    def is_idle(self, number: int) -> bool:
        """See `Session`."""
        return number > self.last or not number & 1

    # The rest of the session

    def on_settings(self) -> None:
        """See `Session`."""

    def stalled(self) -> None:
        """See `Session`."""
        self.stats.stalls += 1

    def check(self, now: float) -> None:
        """End what has stood still for too long; `now` is monotonic seconds."""
        task = self._task
        if task is None or task.unwinding:
            return
        self.resets.turn(now)
        if self.block_overdue(now):
            self.counts.note(HEADER_BLOCKS)
            task.cancel("a header block stands still")
            return
        for each in list(self.streams.values()):
            if isinstance(each, ServerStream) and each.exchange is not None and each.task is not None:
                lifetime.end_overdue(each.exchange, each.task, now, each.serves)
        self.look_at_line()
        self.forget_resets(now)
        if self.draining:
            return
        if now > self._born + self._life:
            self.stats.lifetime_closes += 1
            self.drain()
        elif self.running == 0 and now - self._idle_at > self.settings.idle_seconds:
            self.stats.idle_closes += 1
            self.drain()
