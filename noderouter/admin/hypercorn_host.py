"""One connection of the administrative port: hypercorn's HTTP/1 on a socket of ours, or on TLS on it.

The only importer of hypercorn; imported by `server` when the data path listens already. Hypercorn's protocol and its
way of calling an application are used; sockets, limits and ends are ours, since hypercorn accepts whoever comes, waits
for ever for readers, and speaks HTTP/2 with whoever wants to. Who begins with its preface is `grpc_host`'s.

A connection is always on a clock (`Place.scope`): the next request's whole head has `IDLE_SECONDS` to come, from then
on a request has `REQUEST_SECONDS` until its answer begins, and the answer `ANSWER_SECONDS` to be read, whatever its
size; a stream has that time for each piece (`app`). Whoever is late within a request, or has to make room, is reset:
the kernel keeps nothing for him either.
"""

import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.logging import Logger
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from noderouter.admin.app import ANSWER_SECONDS, HANDLER_SECONDS, AdminApp
from noderouter.admin.body import SECONDS as BODY_SECONDS
from noderouter.admin.grpc_health import Health
from noderouter.admin.grpc_host import PREFACE, GrpcConnection
from noderouter.admin.listen import names_of
from noderouter.admin.places import Place
from noderouter.telemetry import log
from noderouter.telemetry.log import ADMIN_SERVER
from noderouter.tls.followed import Followed

IDLE_SECONDS: Final = 15.0
"""Until the next request has come, with its whole head."""
REQUEST_SECONDS: Final = HANDLER_SECONDS + BODY_SECONDS + 5
"""From a request's head to the first byte of its answer: what the application allows itself, and a little."""
LINGER_SECONDS: Final = 1.0
"""How long what a peer still sends is thrown away behind the last answer: closing at once would destroy the answer."""
LINGER_BYTES: Final = 4 << 20
READ_BYTES: Final = 16 * 1024
HEAD_BYTES: Final = 16 * 1024
QUEUE: Final = 4
"""Pieces of a body between hypercorn and the application."""

_RESET: Final = struct.pack("ii", 1, 0)

_log = log.get("noderouter.admin.hypercorn")


class _Log(Logger):
    """Hypercorn's messages as structured events; there is no access log."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)

    async def access(self, *_args: Any) -> None:
        """Log nothing."""

    async def critical(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.critical(ADMIN_SERVER, message=message % args if args else message)

    async def error(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.error(ADMIN_SERVER, message=message % args if args else message)

    async def warning(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.warning(ADMIN_SERVER, message=message % args if args else message)

    async def info(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.debug(ADMIN_SERVER, message=message % args if args else message)

    async def debug(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.debug(ADMIN_SERVER, message=message % args if args else message)

    async def exception(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.exception(ADMIN_SERVER, message=message % args if args else message)


def configuration() -> Config:
    """Return hypercorn's settings, as far as its protocol asks for them: no header that names the server."""
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.logger_class = _Log
    config.include_server_header = False
    config.h11_max_incomplete_size = HEAD_BYTES
    config.max_app_queue_size = QUEUE
    return config


class _Http1(H11Protocol):
    """HTTP/1 only."""

    async def _check_protocol(self, event: Any) -> None:
        """Accept neither an upgrade to HTTP/2, which a server may ignore, nor its preface, which is no request here."""


class Host:
    """What all connections of one port share."""

    def __init__(self, app: AdminApp, health: Health, tls: Followed | None, on_refused: Callable[[], None]) -> None:
        """`tls` has the certificate of the port, None is without; `on_refused`: no keys were agreed on."""
        self.health = health
        self.tls = tls
        self.on_refused = on_refused
        self.config = configuration()
        application: Any = app  # hypercorn's types describe every message of every protocol
        self.app = wrap_app(application, self.config.wsgi_max_body_size, "asgi")
        self.context = WorkerContext(None)

    async def serve(self, stream: trio.SocketStream, place: Place) -> None:
        """Serve a connection until it ends; closes it."""
        await Connection(self, stream, place).run()

    async def let_end(self) -> None:
        """Have connections close after the response that is being sent."""
        await self.context.terminated.set()


class Connection:
    """One accepted connection."""

    def __init__(self, host: Host, stream: trio.SocketStream, place: Place) -> None:
        self._host = host
        self._stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = stream
        self._below = stream
        self._place = place
        self._reading = trio.CancelScope()
        self._answering = False

    async def run(self) -> None:
        """Serve until either side closes, or time is over."""
        place = self._place
        try:
            with place.scope:
                place.wait(trio.current_time(), IDLE_SECONDS)
                socket_ = self._below.socket  # whose peer may have left already
                peer, own = names_of(socket_)
                tls = self._host.tls
                if tls is not None and not await self._agree(tls.context):
                    return
                first = await self._first()
                if first.startswith(PREFACE):
                    await GrpcConnection(self._host.health, self._stream, place).run(first)
                else:
                    async with TaskGroup() as tasks:
                        protocol = self._make(tasks, peer, own)
                        with self._reading:
                            await self._read(protocol, first)
                        await protocol.handle(Closed())  # whoever closes behind a request is answered
                await self._linger()
            if place.scope.cancelled_caught and (place.busy or place.lost):
                self._below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass  # the peer is gone
        finally:
            self._below.socket.close()

    async def _agree(self, context: ssl.SSLContext) -> bool:
        """Agree on keys (RFC 8446); whether that came about."""
        stream = trio.SSLStream(self._below, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            self._host.on_refused()
            return False
        self._stream = stream
        return True

    def _make(self, tasks: TaskGroup, peer: tuple[str, int], own: tuple[str, int]) -> _Http1:
        host = self._host
        state = ConnectionState({"place": self._place})
        return _Http1(host.app, host.config, host.context, tasks, state, host.tls is not None, peer, own, self._send)

    async def _first(self) -> bytes:
        """Read until it is clear whether this is the preface of HTTP/2 (RFC 9113 section 3.4)."""
        data = b""
        while PREFACE.startswith(data) and len(data) < len(PREFACE):
            more = await self._receive()
            if not more:
                break
            data += more
        return data

    async def _receive(self) -> bytes:
        """Read what comes; b"" at the end, which a reset is as well."""
        try:
            return bytes(await self._stream.receive_some(READ_BYTES))
        except trio.BrokenResourceError:
            self._place.scope.cancel()
            await trio.lowlevel.checkpoint()
            return b""

    async def _read(self, protocol: _Http1, data: bytes) -> None:
        """Feed received bytes to the protocol, which does not return while it wants no more; `data` is the first."""
        while True:
            await protocol.handle(RawData(data))
            if not data:
                return
            data = await self._receive()

    async def _send(self, event: Event) -> None:
        """Take an event of the protocol, which calls this."""
        now = trio.current_time()
        if isinstance(event, RawData):
            if not self._answering:
                self._answering = True
                self._place.begin(now, ANSWER_SECONDS)
            try:
                await self._stream.send_all(event.data)
            except trio.BrokenResourceError:
                self._place.scope.cancel()
                await trio.lowlevel.checkpoint()
        elif isinstance(event, Closed):
            self._reading.cancel()
        elif isinstance(event, Updated):
            self._answering = False
            if event.idle:
                self._place.wait(now, IDLE_SECONDS)
            else:
                self._place.begin(now, REQUEST_SECONDS)

    async def _linger(self) -> None:
        """Close our side, and let the peer read the response before the connection is gone."""
        with suppress(trio.BrokenResourceError), trio.move_on_after(LINGER_SECONDS):
            if isinstance(self._stream, trio.SSLStream):
                await self._stream.unwrap()  # says close_notify, which tells a whole answer from one that was cut off
            await self._below.send_eof()
            left = LINGER_BYTES
            while left > 0 and (data := await self._below.receive_some(READ_BYTES)):
                left -= len(data)
