"""One direction of a tunnel: from what it reads to what it writes, as far as that goes without waiting.

Small messages are copied through one buffer that all tunnels share: a read and a write, and a short read says that
there is no more. A read that fills the buffer shows that there is a stream; from then on bytes are spliced through a
pipe and never come up to Python, until a burst is small again.

Invariants: nothing is read before everything has been written, so that what a reader who stands still can keep here is
one buffer or one pipe. The end of the source is passed on behind its last byte. Sockets are edge-triggered: `readable`
and `writable` are taken back only where the kernel has said so, by EAGAIN or by a short copy; a short splice says
nothing (a pipe can be full with few bytes in it).
"""

import os
from errno import EINVAL, ENOSYS, EPERM
from socket import MSG_OOB
from typing import Final

from noderouter.proxy.tcp.pipes import PIPE_BYTES, Pipe, Pipes
from noderouter.reactor.errors import WireError
from noderouter.reactor.wire import BULK_BYTES, Wire

TURN_BYTES: Final = 1 << 18
"""After so much others get their turn."""
FIRST_BYTES: Final = BULK_BYTES
"""And after so much of a tunnel that is not known to stream: it has its turn among requests."""
STREAM_BYTES: Final = 32768
"""A burst below this is no stream; docs/adr/0018 has the border measured."""

_UNSUPPORTED: Final = frozenset((EINVAL, ENOSYS, EPERM))
"""Error numbers of a kernel or sandbox that does not splice; nothing has moved then."""
_FLAGS: Final = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
_NOTHING: Final = memoryview(b"")

_buffer: Final = bytearray(BULK_BYTES)
_view: Final = memoryview(_buffer)


class Direction:
    """From `source` to `target`.

    Attributes:
        moved: bytes that the target's kernel has taken.
        rest: read into memory and not yet written.
        spliced: bytes in the pipe.
        marked: an urgent byte is to be written next.
        ended: the source has finished, and the target was told.
        broken: the end that failed, once one has.
    """

    __slots__ = (
        "_pipe",
        "_pipes",
        "_splices",
        "_stream",
        "broken",
        "ended",
        "marked",
        "moved",
        "rest",
        "source",
        "spliced",
        "target",
    )

    def __init__(self, source: Wire, target: Wire, pipes: Pipes) -> None:
        self.source = source
        self.target = target
        self.moved = 0
        self.rest = _NOTHING
        self.spliced = 0
        self.marked = False
        self.ended = False
        self.broken: Wire | None = None
        self._pipes = pipes
        self._pipe: Pipe | None = None
        self._stream = False
        self._splices = source.splice_fd >= 0 and target.splice_fd >= 0

    def __repr__(self) -> str:
        state = "ended" if self.ended else "blocked" if self.blocked else "streaming" if self._stream else "open"
        return f"<Direction {self.source.fd} to {self.target.fd} {state}, {self.moved} bytes>"

    @property
    def blocked(self) -> bool:
        """There is something to write, and the target does not take it now."""
        return bool(self.spliced or self.rest or self.marked)

    @property
    def busy(self) -> bool:
        """It streams, or would if its target took more."""
        return self._stream or self.blocked

    def pump(self, most: int = TURN_BYTES) -> bool:
        """Move what can be moved; true when it stopped, after `most` bytes, to let others have their turn.

        Raises:
            WireError: the source or the target is broken; `broken` says which.
        """
        start = self.moved
        again = False
        while True:
            if (self.spliced or self.rest) and not (self.target.writable and self._write()):
                return False
            if self.ended or not self.source.readable:
                break
            if self.moved - start >= most:
                return True
            if (again or self._stream) and self.source.at_mark():
                self.source.urgent = True  # it came meanwhile, and the reactor has not told of it yet
            again = True
            if self.source.urgent:
                self._stream = False
                if not self._carry_urgent():
                    return False
                self._copy()
            elif self._stream and self._splices:
                self._splice()
            else:
                self._copy()
        if self._pipe is not None:
            self._pipes.give(self._pipe)
            self._pipe = None
            self._stream = self.moved - start >= STREAM_BYTES
        return False

    def close(self) -> None:
        """Let go of the pipe, and of what is in it."""
        pipe, self._pipe = self._pipe, None
        if pipe is None:
            return
        if self.spliced:
            self._pipes.drop(pipe)
        else:
            self._pipes.give(pipe)

    def _copy(self) -> None:
        """Read what there is, at most a buffer, and write it."""
        source = self.source
        try:
            size = source.recv_into(_buffer)
        except BlockingIOError:
            source.readable = False
            return
        except OSError as error:
            raise self._broke(source, error) from None
        if size == BULK_BYTES:
            self._stream = self._splices
        elif not source.hung_up and not source.urgent:  # a read stops at the mark, too
            source.readable = False
        if size:
            self._send(_view[:size])
        else:
            self._end()

    def _send(self, data: memoryview) -> bool:
        """Write from memory; false, with the rest kept, where the target did not take all."""
        target = self.target
        try:
            sent = target.send_some(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._broke(target, error) from None
        self.moved += sent
        if sent == len(data):
            self.rest = _NOTHING
            return True
        target.writable = False
        # The shared buffer is another's next; what is kept already is ours.
        self.rest = data[sent:] if data.obj is not _buffer else memoryview(bytes(data[sent:]))
        return False

    def _splice(self) -> None:
        """Move what there is, at most a pipe's worth, without seeing it."""
        pipe = self._pipe
        if pipe is None:
            pipe = self._pipe = self._pipes.take()
            if pipe is None:
                self._stream = False
                return
        source = self.source
        try:
            size = os.splice(source.splice_fd, pipe.into, PIPE_BYTES, flags=_FLAGS)
        except BlockingIOError:
            self._stream = False  # whether there is really nothing is for a read to say
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise self._broke(source, error) from None
            self._stop_splicing(pipe)
            return
        if size:
            self._stream = size >= STREAM_BYTES
            self.spliced = size
            self._write()
        else:
            self._end()

    def _stop_splicing(self, pipe: Pipe) -> None:
        self._stream = False
        self._pipe = None
        self._pipes.stop()
        self._pipes.give(pipe)

    def _write(self) -> bool:
        """Write what is held; true when nothing is left of it."""
        if self.rest:
            return self._send(self.rest)
        target = self.target
        pipe = self._pipe
        assert pipe is not None
        while self.spliced:
            try:
                sent = os.splice(pipe.out, target.splice_fd, self.spliced, flags=_FLAGS)
            except BlockingIOError:
                target.writable = False
                return False
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise self._broke(target, error) from None
                self.rest = memoryview(os.read(pipe.out, self.spliced))
                self.spliced = 0
                self._stop_splicing(pipe)
                return self._send(self.rest)
            self.spliced -= sent
            self.moved += sent
        return True

    def _carry_urgent(self) -> bool:
        """Send the urgent byte as such, if it is next; false where the target does not take it now.

        It is not part of the stream (RFC 9293 section 3.8.5): reading on behind the mark leaves it out.
        """
        source, target = self.source, self.target
        self.marked = False
        byte = source.peek_urgent()
        if not byte:
            source.urgent = False
            return True
        if not source.at_mark():
            return True
        try:
            target.send_some(byte, MSG_OOB)
        except BlockingIOError:
            self.marked = True
            target.writable = False
            return False
        except OSError as error:
            raise self._broke(target, error) from None
        source.take_urgent()
        self.moved += 1
        return True

    def _end(self) -> None:
        self.ended = True
        self.target.finish()

    def _broke(self, wire: Wire, error: OSError) -> WireError:
        self.broken = wire
        return WireError(*error.args)
