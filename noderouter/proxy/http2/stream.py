"""One stream of a session (RFC 9113 section 5): what was received and not read yet, and what waits to be sent.

Both sides share it; what an exchange makes of it is in `server` and `upstream`. Memory is bounded by the windows that
we grant: a window is given back when its bytes were *read* by whoever passes them on, so back-pressure goes from one
side's socket to the other's. What is sent goes out at once where both windows and the socket have room and nobody
waits; else the stream waits in its session's line (`session.Session`).
"""

from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, Final

from noderouter.core.headers import Headers
from noderouter.proxy.http2.frames import DATA, END_STREAM, frame, window_update
from noderouter.reactor.task import PARK, Task, Timeout, current_task

if TYPE_CHECKING:
    from noderouter.proxy.http2.session import Session

CRUMB: Final = 512
"""Bytes of payload that are not worth an object."""
MOST_QUEUED: Final = 256 * 1024
"""Bytes of one session that wait for its socket, from which on its streams wait (CVE-2019-9517)."""


class Stream:
    """A stream that is open in at least one direction.

    Attributes:
        number: its identifier.
        window: bytes of DATA that the peer lets us send on it; below zero after a smaller SETTINGS_INITIAL_WINDOW_SIZE.
        left: bytes that the peer may send on it.
        expected: what Content-Length says, -1 for nothing.
        received: payload so far.
        pieces: payload that was not read yet.
        ended: the peer has sent END_STREAM, or has reset it.
        finished: we have sent END_STREAM, or have reset it.
        headed: DATA may come.
        fault: what reading fails with when `pieces` are used up.
        cut: it has ended early, by the peer's doing or with the session.
        trailers: the peer's trailer fields.
        pending: what of `send` waits for its turn.
        in_line: it stands in the session's line.
        reader: the task that waits for what comes, and is woken when something does.
    """

    __slots__ = (
        "_credit",
        "_last",
        "_writer",
        "cut",
        "ended",
        "expected",
        "fault",
        "finished",
        "headed",
        "in_line",
        "left",
        "number",
        "pending",
        "pieces",
        "reader",
        "received",
        "session",
        "trailers",
        "window",
    )

    def __init__(self, session: "Session", number: int) -> None:
        self.session = session
        self.number = number
        self.window = session.peer.initial_window
        self.left = session.first_window
        self.expected = -1
        self.received = 0
        self.pieces: list[bytes] = []
        self.ended = False
        self.finished = False
        self.headed = True
        self.fault: Exception | None = None
        self.cut = False
        self.trailers: Headers | None = None
        self.pending: memoryview | None = None
        self.in_line = False
        self._last = False
        self._credit = 0
        self.reader: Task | None = None
        self._writer: Task | None = None

    def __repr__(self) -> str:
        state = ("ended" if self.ended else "open") + ("/finished" if self.finished else "")
        return f"<{type(self).__name__} {self.number} {state} received={self.received}>"

    # What the session calls

    def wake(self) -> None:
        """Something has changed for whoever reads."""
        if self.reader is not None:
            self.session.reactor.schedule(self.reader)

    def lose(self, error: Exception) -> None:
        """Nothing more comes and nothing more can be sent: the peer has reset the stream, or the session is lost.

        What has come to its end before can be read all the same.
        """
        self.cut = True
        if not self.ended:
            self.ended = True
            self.fault = self.fault or error
            self._throw_away()
        self.finished = True
        self.pending = None
        self.wake()
        self.wake_writer()

    def wake_writer(self) -> None:
        """Something has changed for whoever sends."""
        if self._writer is not None:
            self.session.reactor.schedule(self._writer)

    def reset_by_peer(self, code: int) -> None:
        """Receive RST_STREAM."""
        raise NotImplementedError

    def malformed(self, reason: str) -> Exception:
        """What reading fails with when the peer breaks a rule for which its stream ends."""
        raise NotImplementedError

    def stalled(self) -> Exception:
        """What reading fails with when nothing comes for too long."""
        raise NotImplementedError

    def unread(self) -> Exception:
        """What sending fails with when the peer takes nothing for too long."""
        raise NotImplementedError

    def put_some(self, most: int) -> int:
        """Send the next frame of what waits, at most `most` bytes; return how many that were.

        The windows are the caller's to count.
        """
        pending = self.pending
        if pending is None:
            return 0
        count = len(pending)
        if count > most:
            self.session.write(frame(DATA, 0, self.number, bytes(pending[:most])))
            self.pending = pending[most:]
            return most
        self.session.write(frame(DATA, END_STREAM if self._last else 0, self.number, bytes(pending)))
        self.pending = None
        if self._last:
            self.finished = True
        self.wake_writer()
        return count

    # Reading

    def take(self) -> bytes:
        """Return what was received and not read yet, b"" for nothing, and give its windows back."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.give_back(len(data))
        return data

    def keep(self, data: bytes) -> None:
        """Receive payload. Crumbs are joined: a window of them would take forty times its size as objects."""
        pieces = self.pieces
        if pieces and len(data) < CRUMB and len(pieces[-1]) < CRUMB:
            pieces[-1] += data
        else:
            pieces.append(data)

    def give_back(self, count: int) -> None:
        """So many bytes have been read, or thrown away."""
        session = self.session
        session.give_back(count)
        if not self.ended:
            self._credit += count
            if self._credit * 2 >= session.stream_window:
                session.write(window_update(self.number, self._credit))
                self.left += self._credit
                self._credit = 0

    async def receive(self, patience: float) -> bytes:
        """Wait for payload, for `patience` seconds at most; b"" at its end.

        Raises:
            Exception: `fault`, or that of `stalled`.
        """
        while not self.pieces:
            if self.fault is not None:
                raise self.fault
            if self.ended:
                return b""
            await self.more(patience)
        return self.take()

    def _quiet(self, before: int) -> bool:
        """Whether nothing has come since there were `before` bytes, and more may."""
        return self.received == before and not self.ended and self.fault is None

    async def more(self, patience: float) -> None:
        """Wait until there is more payload, or none will come; one task at a time."""
        before = self.received
        self.reader = current_task()
        try:
            if patience == inf:
                while self._quiet(before):
                    await PARK
            else:
                with Timeout(patience):
                    while self._quiet(before):
                        await PARK
        except BaseException:
            self.reader = None
            raise
        self.reader = None
        if self._quiet(before):
            raise self.stalled()

    # Sending

    def fits(self, count: int) -> bool:
        """Whether so much can be sent at once; what is empty needs no window, and may have one below zero."""
        session = self.session
        return count == 0 or (
            count <= self.window
            and count <= session.window
            and count <= session.peer.max_frame
            and session.queued < MOST_QUEUED
            and not session.line
        )

    def send(self, data: bytes, last: bool) -> Awaitable[None] | None:
        """Send DATA, with END_STREAM where `last`; return what is to be awaited before more is sent, if anything."""
        if self.finished:
            return None
        session = self.session
        count = len(data)
        if self.fits(count):
            self.window -= count
            session.window -= count
            session.write(frame(DATA, END_STREAM if last else 0, self.number, data))
            session.updates.sent(count)
            if last:
                self.finished = True
            return None
        self.pending = memoryview(data)
        self._last = last
        session.stand_in_line(self)
        return None if self.pending is None else self._sent()

    def unsent(self) -> int:
        """How much waits for its turn, END_STREAM alone counting as one byte."""
        pending = self.pending
        return 0 if pending is None else max(1, len(pending))

    async def _sent(self) -> None:
        """Wait until what was to be sent is on its way.

        Raises:
            Exception: `fault`, or that of `unread`: for the session's patience, nothing was taken.
        """
        self._writer = current_task()
        try:
            while left := self.unsent():
                with Timeout(self.session.patience):
                    while self.unsent():
                        await PARK
                if self.unsent() == left:
                    raise self.unread()
        except BaseException:
            self._writer = None
            self.pending = None
            raise
        self._writer = None
        if self.fault is not None:
            raise self.fault

    def finish_sending(self) -> None:
        """Send END_STREAM, unless it is out."""
        if not self.finished:
            self.finished = True
            self.session.write(frame(DATA, END_STREAM, self.number, b""))

    def abort(self) -> None:
        """See `core.duplex.Duplex`: who has opened the stream closes it, with a reset where it is not at its end."""

    def close(self, code: int) -> None:
        """Let go of the stream: what was not read is thrown away, and what is open ends with RST_STREAM and `code`."""
        self._throw_away()
        session = self.session
        if self.ended and self.finished:
            session.streams.pop(self.number, None)
            if not self.cut:  # what was reset when its request was whole has no fault, and yet was for nothing
                session.resets.completed()
        else:
            self.ended = self.finished = True
            self.pending = None
            session.reset(self.number, code, self.left)

    def _throw_away(self) -> None:
        if self.pieces:
            self.session.give_back(sum([len(piece) for piece in self.pieces]))
            self.pieces.clear()
