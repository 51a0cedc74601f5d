"""A connection to a port where clients speak HTTP/1 or HTTP/2: the first bytes tell, and one codec has the rest.

HTTP/2 with prior knowledge begins with a preface that is no request of HTTP/1 (RFC 9113 section 3.4). It is looked at
where the kernel keeps it (MSG_PEEK), so the codec reads all of it.
"""

from collections.abc import Callable

from noderouter.core.connection import ConnectionInfo
from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.listener.places import Connection
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Task, Timeout, sleep
from noderouter.reactor.wire import Wire

HEAD_SECONDS = 15.0  # not Final: tests shorten it
"""For the rest of what may be a preface."""
DRAIN_SECONDS = 1.0
"""While draining, how long a client that has said nothing yet may begin."""

MakeCodec = Callable[[Wire, ConnectionInfo], Connection]
"""Makes what serves the requests of one connection."""


class DetectingConnection:
    """An accepted connection whose codec is chosen by how it begins."""

    __slots__ = ("_codec", "_draining", "_task", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._codec: Connection | None = None
        self._draining = False
        self._task: Task | None = None

    @property
    def idle_since(self) -> float:
        """When its last exchange was over; 0.0 where that is not known."""
        return 0.0 if self._codec is None else self._codec.idle_since

    async def hand_over(self, make: MakeCodec, connection: ConnectionInfo, task: Task) -> None:
        """Let a codec serve the rest, in `task`."""
        self._codec = make(self.wire, connection)
        if self._draining:
            self._codec.drain()
        await self._codec.run(task)

    def drain(self) -> None:
        """End soon: HTTP with its response; what has no codec ends by itself."""
        self._draining = True
        if self._codec is not None:
            self._codec.drain()


class EitherConnection(DetectingConnection):
    """One accepted connection; `run` is its coroutine, which owns and closes the wire."""

    __slots__ = ("_connection", "_http1", "_http2", "_idle_seconds")

    def __init__(
        self, wire: Wire, connection: ConnectionInfo, http1: MakeCodec, http2: MakeCodec, idle_seconds: float
    ) -> None:
        """`idle_seconds`: without a first byte."""
        super().__init__(wire)
        self._connection = connection
        self._http1 = http1
        self._http2 = http2
        self._idle_seconds = idle_seconds

    def __repr__(self) -> str:
        ip, port = self._connection.peer
        return f"<EitherConnection from {ip}:{port} {self._codec or 'silent'}>"

    @property
    def idle(self) -> bool:
        """See `places.Connection`."""
        return self._codec is None or self._codec.idle

    async def run(self, task: Task) -> None:
        """Serve until either side closes. `task` is the one that runs this."""
        self._task = task
        try:
            await self.hand_over(await self._choose(), self._connection, task)
        except WireError:
            self.wire.abort()
        finally:
            self.wire.close()
            self._codec = self._task = None

    async def _choose(self) -> MakeCodec:
        """What serves a client that begins as this one does. HTTP/1 has its own time limit for what is unfinished."""
        wire = self.wire
        await wire.wait_readable()
        with Timeout(HEAD_SECONDS):
            while True:
                begun = wire.peek(len(PREFACE))
                if begun == PREFACE:
                    return self._http2
                if wire.hung_up or not PREFACE.startswith(begun):
                    return self._http1
                wire.readable = False
                await wire.wait_readable()
        wire.readable = True  # what there is has not been read yet
        return self._http1

    def check(self, now: float) -> None:
        """See `places.Connection`."""
        if self._codec is not None:
            self._codec.check(now)
        elif self._task is not None and now - self._task.since > self._idle_seconds:
            self._task.cancel("idle", self._says_nothing)

    def drain(self) -> None:
        """See `places.Connection`."""
        super().drain()
        if self._codec is None:
            self.wire.reactor.spawn(self._end_if_silent(), "drain")

    async def _end_if_silent(self) -> None:
        await sleep(DRAIN_SECONDS)
        if self._codec is None and self._task is not None:
            self._task.cancel("draining", self._says_nothing)

    def _says_nothing(self) -> bool:
        return self._codec is None and self.wire.silent()
