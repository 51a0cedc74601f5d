"""One exchange of an HTTP/2 client: its stream is the body of the request and the place for the response.

`run` is the coroutine of one exchange. Whatever comes of it, the stream ends with it: with END_STREAM where the
response is complete, else with RST_STREAM, so that no client can take a part for the whole.
"""

from collections.abc import Awaitable
from time import monotonic
from typing import TYPE_CHECKING, Final

from noderouter.core.body import CHUNKED
from noderouter.core.connection import ConnectionInfo
from noderouter.core.duplex import Duplex
from noderouter.core.errors import ClientGone, ClientProtocolError, ClientStalled, NotSwitched, RouterError
from noderouter.core.exchange import Exchange
from noderouter.core.grpc import is_grpc, trailers_for
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.core.service import Service
from noderouter.proxy.http.clear_context import guard
from noderouter.proxy.http.error_form import refusal
from noderouter.proxy.http.trailers import trailer_line
from noderouter.proxy.http2.extended_connect import as_established
from noderouter.proxy.http2.flood import PREMATURE_SECONDS
from noderouter.proxy.http2.frames import CANCEL, INTERNAL_ERROR, NO_ERROR
from noderouter.proxy.http2.output import HEADS_BYTES
from noderouter.proxy.http2.stream import Stream
from noderouter.proxy.http2.translate import never_indexed
from noderouter.proxy.tcp.duplex_relay import DuplexRelay, WireEnd
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import PARK, Task, Timeout, current_task
from noderouter.reactor.wire import Wire

if TYPE_CHECKING:
    from noderouter.proxy.http2.server import Http2Connection

UNKNOWN: Final = -1


class ServerStream(Stream):
    """See `core.body.Body` and `core.reply.Reply`.

    Attributes:
        exchange: what is served, None before and after.
        task: who serves it; `begun` when that has made its first step.
        length: of the request's body, or CHUNKED.
        data: the request's body where it is at hand.
        complete: the end of the response is on its way.
        tunnels: the request is a CONNECT: its DATA is no body.
        switches: ... an extended one; `key` is what HTTP/1 calls its Sec-WebSocket-Key.
    """

    __slots__ = (
        "_head_only",
        "_to_come",
        "begun",
        "complete",
        "connection",
        "data",
        "exchange",
        "key",
        "length",
        "replayable",
        "sent_bytes",
        "server",
        "started",
        "switches",
        "task",
        "tunnels",
    )

    def __init__(self, server: "Http2Connection", number: int, length: int, head_only: bool) -> None:
        super().__init__(server, number)
        self.server = server
        self.connection: ConnectionInfo = server.connection
        self.exchange: Exchange | None = None
        self.task: Task | None = None
        self.begun = False
        self.expected = length
        self.length = CHUNKED if length < 0 else length
        self.data: bytes | None = None
        self.replayable = False
        self.started = False
        self.complete = False
        self.sent_bytes = 0
        self._head_only = head_only
        self._to_come = UNKNOWN
        self.switches = self.tunnels = False
        self.key = b""

    # The session's side

    def reset_by_peer(self, code: int) -> None:
        """The client wants nothing of it any more."""
        exchange = self.exchange
        early = not self.started and (exchange is None or monotonic() - exchange.started < PREMATURE_SECONDS)
        self.lose(ClientGone("client reset the stream"))
        if early:
            self.server.count_reset()  # which may end the session: what the stream was for is over by then

    def lose(self, error: Exception) -> None:
        """See `Stream`; ends the exchange."""
        super().lose(error)
        if self.task is not None and self.begun:  # cancelled before that, a coroutine ends without its `finally`
            self.task.cancel(error)

    def malformed(self, reason: str) -> Exception:
        """See `Stream`."""
        self.server.stats.protocol_errors += 1
        return ClientProtocolError(reason)

    def stalled(self) -> Exception:
        """See `Stream`."""
        return ClientProtocolError(f"request body stands still: nothing came for {self.session.patience:g} s", 408)

    def unread(self) -> Exception:
        """See `Stream`."""
        self.server.stats.stalls += 1
        return ClientStalled(f"client has read nothing for {self.session.patience:g} s")

    def serves(self, exchange: Exchange) -> bool:
        """Whether its task is still at this exchange."""
        return self.exchange is exchange

    async def run(self, service: Service) -> None:
        """Serve the exchange to its end."""
        exchange = self.exchange
        if exchange is None:
            return
        self.begun = True
        try:
            if self.cut:
                return
            if self.data is None and 0 < self.length <= self.server.gathered_bytes and not _expects(exchange):
                await self._gather()
            await service(exchange)
        except ClientProtocolError as error:
            self._refuse(exchange, error)
        except RouterError as failed:
            self._cut(exchange, failed)
        except (ClientGone, WireError):
            pass  # counted where it was raised; the client sees a reset
        finally:
            self._end(exchange)

    def _refuse(self, exchange: Exchange, error: ClientProtocolError) -> None:
        """Answer a request that is wrong in itself."""
        self.server.stats.protocol_errors += 1
        if not self.started and not self.finished:
            exchange.reply_fields = b""
            self.refuse(error.status, error.message, is_grpc(exchange))

    def refuse(self, status: int, message: str, grpc: bool = False, words: bool = True) -> None:
        """Answer at once, and without words where the client leaves no room for any."""
        response, text = refusal(status, message, grpc=grpc, clear=self.server.settings.clear_context)
        if not words or not self.fits(len(text)):
            response.length, text = 0, b""
        self.started = True
        self._put_head(response, text, b"", None)

    def _cut(self, exchange: Exchange, error: RouterError) -> None:
        """End a response that had begun: with a status where its caller waits for one (gRPC), else with a reset."""
        if self.started and not self.finished and self._to_come < 0 and is_grpc(exchange):
            self.finished = True
            trailers = trailers_for(error, silent=self.server.settings.clear_context)
            self.server.write(self.server.encoder.trailers(self.number, None, trailers.block))

    def _end(self, exchange: Exchange) -> None:
        server = self.server
        server.stats.sent_bytes += self.sent_bytes
        server.stats.received_bytes += self.received
        server.counts.ended += 1
        server.counts.failures += self.cut or not self.finished
        self.complete = self.complete or self.finished
        self.close(NO_ERROR if self.finished else CANCEL if self.fault is not None else INTERNAL_ERROR)
        self.exchange = self.task = None  # no circle is left behind
        server.done(exchange)

    # The request's body

    def begin_body(self, buffer_bytes: int) -> None:
        """All frames of one read are here: a body that is whole is at hand, unless trailers have to go behind it."""
        if self.ended and not self.tunnels and self.trailers is None:
            data = self.take() if self.pieces else b""
            self.data = data
            self.length = len(data)
            self.replayable = len(data) <= buffer_bytes

    async def _gather(self) -> None:
        """Wait for a small body to be whole.

        Where the window of the session runs out meanwhile, because many are waited for, it streams after all: none of
        them would become whole.
        """
        server = self.server
        self.reader = current_task()
        try:
            with Timeout(server.patience) as scope:
                while not self.ended and self.fault is None and not server.short:
                    await PARK
        except BaseException:
            self.reader = None
            raise
        self.reader = None
        if self.fault is not None:
            raise self.fault
        if scope.expired and not self.ended:
            raise self.stalled()
        self.begin_body(server.settings.buffer_bytes)

    async def read(self) -> bytes:
        """See `core.body.Body`."""
        return await self.receive(self.session.patience)

    @property
    def read_bytes(self) -> int:
        """Payload so far."""
        return self.received

    # The response

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """Send the head and the first of the body; see `core.reply.Reply`."""
        exchange = self.exchange
        server = self.server
        fields = b"" if exchange is None else exchange.reply_fields
        never: tuple[bytes, ...] | None = None
        if response.reserved is not None or server.settings.clear_context:
            fields, data = guard(response, fields, data, server.settings.clear_context)
            if response.reserved is not None:
                never = never_indexed(response.reserved)
                fields += trailer_line(response.reserved)
        if self.switches and 200 <= response.status < 300:
            raise NotSwitched("endpoint did not switch protocols")  # any 2xx would say that it has
        self.started = True
        if self.finished:
            return None  # it was reset meanwhile
        if server.queued >= HEADS_BYTES:
            return self._begin_in_turn(response, data, fields, never)
        return self._put_head(response, data, fields, never)

    async def _begin_in_turn(
        self, response: Response, data: bytes, fields: bytes, never: tuple[bytes, ...] | None
    ) -> None:
        await self.server.wait_below(HEADS_BYTES)
        pending = self._put_head(response, data, fields, never)
        if pending is not None:
            await pending

    def _put_head(
        self, response: Response, data: bytes, fields: bytes, never: tuple[bytes, ...] | None
    ) -> Awaitable[None] | None:
        """Send the head, which no window bounds, and as much of the body as fits."""
        if self.finished:
            return None
        server = self.server
        status, length = response.status, response.length
        if self._head_only or status == 204 or status == 304:
            data, last = b"", True
            if status == 204:
                length = UNKNOWN
        else:
            last = len(data) == length
            if length == 0 and b"grpc-status" in response.block:
                length = UNKNOWN  # trailers-only: each of its fields is a trailer to the caller
            self._to_come = length - len(data) if length >= 0 else UNKNOWN
        count = self.sent_bytes = len(data)
        if self.fits(count):
            self.window -= count
            server.window -= count
            server.updates.sent(count)
            server.write(
                server.encoder.response(self.number, last, data, status, length, never, response.block, fields)
            )
            self.finished = self.complete = last
            return None
        server.write(server.encoder.response(self.number, False, b"", status, length, never, response.block, fields))
        self.complete = last
        return self.send(data, last)

    async def inform(self, response: Response) -> None:
        """Send an interim response."""
        await self.server.wait_below(HEADS_BYTES)
        if not self.finished:
            server = self.server
            server.write(
                server.encoder.response(self.number, False, b"", response.status, UNKNOWN, None, response.block)
            )

    async def push(self, data: bytes) -> None:
        """Send more of the body; bytes beyond the announced length are an error of the caller."""
        if not data or self.complete:
            return
        self.sent_bytes += len(data)
        if self._to_come >= 0:
            self._to_come -= len(data)
            self.complete = self._to_come == 0
        pending = self.send(data, self.complete)
        if pending is not None:
            await pending

    async def finish(self, trailers: Headers | None = None) -> None:
        """End a body of unknown length."""
        if self.complete or self._to_come > 0:
            return
        self.complete = True
        await self.server.wait_below(HEADS_BYTES)
        if self.finished:
            return
        if trailers is not None and self.server.settings.clear_context:
            trailers.remove_prefix(b"l5d-")
        if trailers is None or not trailers.block:
            self.finish_sending()
        else:
            self.finished = True
            self.server.write(self.server.encoder.trailers(self.number, trailers.never, trailers.block))

    async def tunnel(self, response: Response, far: Wire | Duplex, early: bytes) -> None:
        """Answer CONNECT, plain or extended, and carry bytes both ways (RFC 9113 section 8.5, RFC 8441 section 5)."""
        exchange, server = self.exchange, self.server
        self._to_come = UNKNOWN
        fields = b"" if exchange is None else exchange.reply_fields
        block = as_established(response, self.key) if self.switches else response.block
        if response.reserved is not None or server.settings.clear_context:
            fields, _ = guard(response, fields, b"", server.settings.clear_context)
        self.started = True
        server.write(server.encoder.response(self.number, False, b"", 200, UNKNOWN, None, block, fields))
        end: Duplex = WireEnd(far) if isinstance(far, Wire) else far
        relay = DuplexRelay(self, end, server.settings.tunnel_idle_seconds)
        try:
            await relay.run(early)
        finally:
            self.sent_bytes = relay.back
        self.complete = self.finished


def _expects(exchange: Exchange) -> bool:
    return exchange.reserved is not None and exchange.field(b"expect") is not None
