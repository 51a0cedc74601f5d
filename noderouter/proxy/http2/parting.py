"""How a session ends on the server's side (RFC 9113 section 6.8).

In two steps: a GOAWAY that names no stream, so that what is under way is still accepted; after a round trip the real
one; and when the last stream has ended, the connection. Who is told to go at once gets the real one at least, so that
its client knows what was not looked at and may be sent again.
"""

from typing import Final

from noderouter.proxy.http2.frames import MAX_STREAM, NO_ERROR, PING, frame
from noderouter.proxy.http2.session import LINGER_SECONDS, Session
from noderouter.proxy.http2.settings import LocalSettings
from noderouter.reactor.task import Task, sleep
from noderouter.reactor.wire import Wire

ROUND_TRIP_SECONDS: Final = 1.0
"""How long the answer to a PING is waited for that shows that a client knows of a GOAWAY."""
STEP_SECONDS: Final = 0.05
LAST_CALL: Final = b"drain  1"
"""The PING behind the first GOAWAY."""


class Parting(Session):
    """A session of a server, and its end.

    Attributes:
        running: streams whose exchange is not over, those included that their client has reset.
        draining: it ends when its streams have.
    """

    __slots__ = ("_greeted", "_parting", "_ponged", "_task", "draining", "running")

    def __init__(self, wire: Wire, local: LocalSettings, patience: float) -> None:
        """As of a `Session` with a client."""
        super().__init__(wire, local, patience, from_server=False)
        self.running = 0
        self.draining = False
        self._task: Task | None = None
        self._greeted = False
        self._ponged = False
        self._parting = False

    def on_goaway(self, last: int, code: int, words: bytes) -> None:
        """The client is about to leave: what it has begun is served to its end."""
        self.drain()

    def _introduce(self) -> None:
        """Send what has to come first (section 3.4), unless it was sent."""
        raise NotImplementedError

    def on_pong(self, data: bytes) -> None:
        """See `Session`."""
        if data == LAST_CALL:
            self._ponged = True

    def drain(self) -> None:
        """End soon: no new streams after a round trip, and the connection when those that are there have ended."""
        if self.draining:
            return
        self.draining = True
        if not self._greeted:  # what its first bytes ask for, which may be under way, is not looked at: it is told so
            self.going = True
            self._introduce()
            self.tell_last(self.last, NO_ERROR)
            self.part()
            return
        self.tell_last(MAX_STREAM, NO_ERROR)
        self.write(frame(PING, 0, 0, LAST_CALL))
        self.reactor.spawn(self._drain_streams(), "drain")

    async def _drain_streams(self) -> None:
        waited = 0.0
        while not self._ponged and waited < ROUND_TRIP_SECONDS and self._task is not None:
            await sleep(STEP_SECONDS)
            waited += STEP_SECONDS
        if self._task is None:
            return
        self.going = True
        self.tell_last(self.last, NO_ERROR)
        if self.running == 0:
            self.part()

    def part(self) -> None:
        """Nothing is left to be done here: finish sending, and give the client a moment to close."""
        if not self._parting:
            self._parting = True
            self.reactor.spawn(self._farewell(), "HTTP/2 farewell")

    async def _farewell(self) -> None:
        self.flush()
        # The reader may be waiting for the drainer as well, and a task is joined by one only.
        while self.drainer is not None and not self.lost and self._task is not None:
            await sleep(STEP_SECONDS)
        if self._task is None:
            return
        self.wire.finish()
        await sleep(LINGER_SECONDS)
        if self._task is not None:
            self._task.cancel("drained")

    def leave(self) -> None:
        """Tell the client, as far as that can be done at once, what was not looked at: the connection closes now."""
        if self._greeted and not self._parting and self.drainer is None:
            self.tell_last(self.last, NO_ERROR)
            self.flush()
