"""What a session sends: frames that are gathered, and DATA that waits for its turn (RFC 9113 sections 5.2 and 6.9).

Frames leave in one send for each round of the reactor. A header block is encoded when it is written, since the peer
decodes in that order: what was written is never dropped.

DATA has to fit three things: the window of its stream, that of the session, and `MOST_QUEUED` of output that the socket
has not taken. What does not fit stands in `line`, where each stream in turn sends one frame, so that none starves
beside a large one.
"""

from collections import deque
from typing import Final

from noderouter.proxy.http2.flood import Updates
from noderouter.proxy.http2.frames import DEFAULT_WINDOW
from noderouter.proxy.http2.settings import PeerSettings
from noderouter.proxy.http2.stream import MOST_QUEUED, Stream
from noderouter.reactor.errors import WireError, WireStalled
from noderouter.reactor.loop import Flushed
from noderouter.reactor.task import PARK, Task, current_task
from noderouter.reactor.wire import Wire
from noderouter.telemetry.streams import StreamStats

HEADS_BYTES: Final = MOST_QUEUED + 64 * 1024
"""Output that waits for the socket, from which on heads wait as well. DATA leaves room for them, and they for answers:
beside a download that fills the socket for long, nobody would be heard else."""
ANSWERS_BYTES: Final = HEADS_BYTES + 64 * 1024
"""The same, from which on nothing more is read: its answers would only join it."""
SMALLEST: Final = 1024
"""DATA frames that a window makes smaller than this wait for more of it, for half a second (CVE-2019-9511)."""


class Output(Flushed):
    """The sending half of a session.

    Attributes:
        counts: of the server or client that the session is one of.
        peer: what the peer has announced.
        streams: those that are open, by their identifier.
        window: bytes of DATA that the peer lets us send on all streams.
        queued: bytes of output that the socket has not taken.
        line: streams whose DATA waits for a turn.
        lost: nothing can be sent any more.
        patience: seconds for which a peer may leave a stream, or its socket, as it is while we wait for it.
        updates: the budget for WINDOW_UPDATE frames, which grows with what is sent.
    """

    __slots__ = (
        "_flushing",
        "_out",
        "_waiting",
        "counts",
        "drainer",
        "line",
        "lost",
        "patience",
        "peer",
        "queued",
        "reactor",
        "streams",
        "updates",
        "window",
        "wire",
    )

    counts: StreamStats

    def __init__(self, wire: Wire, patience: float) -> None:
        self.wire = wire
        self.reactor = wire.reactor
        self.patience = patience
        self.peer = PeerSettings()
        self.streams: dict[int, Stream] = {}
        self.window = DEFAULT_WINDOW
        self.queued = 0
        self.line: deque[Stream] = deque()
        self.lost = False
        self.updates = Updates()
        self.drainer: Task | None = None
        self._out: list[bytes] = []
        self._flushing = False
        self._waiting: list[Task] = []

    def write(self, data: bytes) -> None:
        """Send frames with the end of this round."""
        self._out.append(data)
        self.queued += len(data)
        if not self._flushing:
            self._flushing = True
            self.reactor.flush_later(self)

    def flush(self) -> None:
        """Called by the reactor: send what was written."""
        self._flushing = False
        out = self._out
        if self.lost or self.wire.closed:
            out.clear()
            return
        if self.drainer is not None or not out:  # it goes on with what is written meanwhile
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        try:
            if self.wire.put(data):
                self._left(0)
                return
        except WireError:
            self._lose()  # the reader sees it, too
            return
        self.drainer = self.reactor.spawn(self._drain(), "HTTP/2 output")

    async def _drain(self) -> None:
        """Go on with what the kernel did not take at once."""
        wire = self.wire
        while True:
            try:
                await wire.drain(self.patience)
            except WireStalled:
                self._lose()
                self.stalled()
                wire.abort()
                return
            except WireError:
                self._lose()
                return
            out = self._out
            self._left(sum([len(each) for each in out]))
            if not out:
                self.drainer = None
                return
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            try:
                wire.put(data)
            except WireError:
                self._lose()
                return

    def _left(self, queued: int) -> None:
        """The socket has taken what it was given: `queued` bytes are left, and others have their turn."""
        before = self.queued
        self.queued = queued
        if self.line:
            self.serve_line()
        if self._waiting:
            self._wake()
        if before >= HEADS_BYTES:
            self.drained()

    def drained(self) -> None:
        """Called when much of what was queued is with the socket."""

    def _lose(self) -> None:
        self.lost = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            self.reactor.schedule(task)

    async def wait_below(self, most: int) -> None:
        """Wait until less than `most` bytes are queued for the socket, or it is lost."""
        while self.queued >= most and not self.lost:
            self._waiting.append(current_task())
            await PARK

    def stalled(self) -> None:
        """Count a peer that has read nothing for too long, which ends the session."""
        raise NotImplementedError

    # DATA in line

    def stand_in_line(self, stream: Stream) -> None:
        """Have what `stream` has pending sent, in its turn."""
        if not stream.in_line:
            stream.in_line = True
            self.line.append(stream)
        self.serve_line()

    def serve_line(self, anyway: bool = False) -> None:
        """Send one frame of each stream in line, again and again, as far as there is room.

        A stream without a window leaves the line, and comes back with a WINDOW_UPDATE. `anyway`: do not wait for
        larger windows.
        """
        line = self.line
        max_frame = self.peer.max_frame
        while line and self.queued < MOST_QUEUED:
            stream = line[0]
            pending = stream.pending
            if pending is None:
                line.popleft()
                stream.in_line = False
                continue
            count = len(pending)
            least = 0 if count == 0 else 1 if anyway else min(count, SMALLEST, max(1, self.peer.initial_window))
            if self.window < least:
                return
            line.popleft()
            if count and stream.window < least:
                stream.in_line = False
                continue
            sent = stream.put_some(min(max_frame, stream.window, self.window) if count else 0)
            stream.window -= sent
            self.window -= sent
            self.updates.sent(sent)
            if stream.pending is None:
                stream.in_line = False
            else:
                line.append(stream)

    def look_at_line(self) -> None:
        """Send small frames for those that have waited for a larger window; about twice a second."""
        for stream in self.streams.values():
            if stream.pending is not None and not stream.in_line and stream.window > 0:
                stream.in_line = True
                self.line.append(stream)
        if self.line:
            self.serve_line(anyway=True)
