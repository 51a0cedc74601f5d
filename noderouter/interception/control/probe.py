"""The router's probe of itself: a request through the real listener over loopback, answered by the data path.

It takes the way of a captured connection: the kernel's backlog, accepting, detection, the codec. An answer without this
probe's nonce is somebody else's, and proves nothing.
"""

import errno
import socket
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Final

import trio

from noderouter.core.host_port import dial

EVERY_SECONDS: Final = 0.5
DEADLINE_SECONDS: Final = 5.0
"""Late is progress, too: under load a probe may take longer than the keeper's patience, as long as others come back."""
AT_ONCE: Final = 8
"""Probes on their way; the next one does not wait for those before it."""
TRIES: Final = 16
"""The tries of one probe, while another router answers."""
MAX_ANSWER_BYTES: Final = 4096
NOT_YET: Final = frozenset((errno.EAGAIN, errno.ENOTCONN))
"""The error of sending while a connection is being made."""


@dataclass(frozen=True, slots=True)
class CapturePoint:
    """The capture port: its address, its socket for the kernel's figures, and the path of the probe."""

    address: tuple[str, int]
    """Where it is bound; the probe dials it over loopback."""
    listening: socket.socket
    """Only looked at."""
    probe_path: str
    """`/<token>/`: a request for this with a nonce behind it is answered 200 with the nonce."""


class Probe:
    """Probes the capture port until cancelled, and keeps the outcome."""

    def __init__(self, point: CapturePoint) -> None:
        self.took_ms = 0
        """The last one that came back."""
        self.succeeded_at: float | None = None
        """By the monotonic clock; None before the first success."""
        self.error = "it has not been tried yet"
        """Why the last one did not come back; empty if it did."""
        self.failures = 0
        self.came_back = trio.Event()
        """The first success."""
        self._point = point
        self._on_the_way = 0

    def age_ms(self) -> int:
        """Return how long ago the last probe came back; 0 before the first one."""
        return 0 if self.succeeded_at is None else int((monotonic() - self.succeeded_at) * 1000)

    async def run(self) -> None:
        """Probe every half second until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                if self._on_the_way < AT_ONCE:
                    nursery.start_soon(self._once)
                await trio.sleep(EVERY_SECONDS)

    async def _once(self) -> None:
        self._on_the_way += 1
        began = monotonic()
        try:
            self.error = await self._try()
        finally:
            self._on_the_way -= 1
        if self.error:
            self.failures += 1
        else:
            self.succeeded_at = monotonic()
            self.took_ms = int((self.succeeded_at - began) * 1000)
            self.came_back.set()

    async def _try(self) -> str:
        """One probe; what is wrong, or nothing.

        Where another router shares the port (SO_REUSEPORT), each connection is either's: tried again, it may be ours.
        """
        wrong = ""
        try:
            with trio.fail_after(DEADLINE_SECONDS):
                for _ in range(TRIES):
                    nonce = token_hex(8)
                    head, _, body = (await self._ask(nonce)).partition(b"\r\n\r\n")
                    if head.startswith(b"HTTP/1.1 200 ") and body == nonce.encode():
                        return ""
                    status = head.split(b"\r\n")[0][:60].decode("latin-1")
                    wrong = f"something else answers: {status!r}" if status else "the connection was closed"
        except trio.TooSlowError:
            return wrong or f"no answer within {DEADLINE_SECONDS:g} s"
        except OSError as error:
            return error.strerror or str(error)
        return wrong

    async def _ask(self, nonce: str) -> bytes:
        """What comes back, to the nonce or the end of the connection."""
        request = f"GET {self._point.probe_path}{nonce} HTTP/1.1\r\nhost: noderouter\r\nconnection: close\r\n\r\n"
        # Neither the connection nor the end of the answer is waited for: under load each turn of ours may take long,
        # and a probe that costs one turn says of the data path what one that costs four does not.
        with dial(*self._point.address) as sock:
            asking = trio.socket.from_stdlib_socket(sock)
            try:
                sock.send(request.encode())  # a new socket takes so little at once
            except OSError as error:
                if error.errno not in NOT_YET:
                    raise
                await trio.lowlevel.wait_writable(sock)
                await asking.send(request.encode())
            answer = b""
            while len(answer) < MAX_ANSWER_BYTES and not answer.endswith(nonce.encode()):
                data = await asking.recv(MAX_ANSWER_BYTES)
                if not data:
                    break
                answer += data
            return answer
