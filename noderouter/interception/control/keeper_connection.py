"""One connection to the keeper: a line out, a line back, one at a time, each within its time."""

import socket
from types import TracebackType
from typing import Final, Self, TypeVar

import trio

from noderouter.interception.control.replies import MAX_ANSWER_BYTES, Answer, KeeperError, read_answer

A = TypeVar("A", bound=Answer)

ANSWER_SECONDS: Final = 10.0
"""The keeper may have thousands of destinations to put in force; longer, and it hangs."""


class KeeperConnection:
    """A connection to the keeper, closed at the end of its block: that disarms."""

    def __init__(self, sock: socket.socket) -> None:
        """Takes over `sock`, which is connected and non-blocking."""
        self._sock = sock
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._in = bytearray()

    @classmethod
    def open(cls, path: str) -> Self:
        """Connect, which a unix socket does at once or not at all.

        Raises:
            KeeperError: no keeper listens there, or it does not accept.
        """
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError as error:  # no descriptor is left
            raise KeeperError(f"cannot connect to the keeper: {error.strerror}") from error
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            busy = isinstance(error, BlockingIOError)
            reason = "it does not accept" if busy else error.strerror or str(error)
            raise KeeperError(f"no keeper at {path}: {reason}") from error
        return cls(sock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await trio.aclose_forcefully(self._stream)

    async def ask(self, line: bytes, wanted: type[A], seconds: float = ANSWER_SECONDS) -> A:
        """Send a line and return its answer, which has to be of type `wanted`.

        Raises:
            Refused: the keeper has refused it.
            KeeperError: it has gone, is silent, or answers something else.
        """
        try:
            with trio.fail_after(seconds):
                try:
                    rest = self._send_now(line)
                    if rest:
                        await self._stream.send_all(rest)
                except (OSError, trio.BrokenResourceError):
                    pass  # it has closed; what it said before that says more than the broken pipe
                answer = read_answer(await self._line())
        except trio.TooSlowError as error:
            raise KeeperError(f"the keeper has not answered for {seconds:g} s") from error
        if not isinstance(answer, wanted):
            raise KeeperError(f"the keeper has answered {type(answer).__name__}, and not {wanted.__name__}")
        return answer

    def _send_now(self, line: bytes) -> bytes:
        """Send what the socket takes at once, which is nearly always all; return the rest.

        Under load each turn of ours may take long: an answer that costs one turn comes in time where one that costs
        two does not, and the switch expires.

        Raises:
            OSError: the keeper has closed.
        """
        try:
            return line[self._sock.send(line) :]
        except BlockingIOError:
            return line

    async def _line(self) -> bytes:
        """Return the next line, which has to be all that the keeper sent."""
        while (end := self._in.find(b"\n")) < 0:
            if len(self._in) > MAX_ANSWER_BYTES:
                raise KeeperError(f"the keeper's answer is longer than {MAX_ANSWER_BYTES} bytes")
            try:
                data = await self._stream.receive_some(65536)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                raise KeeperError("the keeper has closed the connection")
            self._in += data
        line = bytes(self._in[:end])
        del self._in[: end + 1]
        if self._in:
            raise KeeperError("the keeper has answered more than it was asked")
        return line
