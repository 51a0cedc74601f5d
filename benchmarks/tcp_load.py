"""The load on tunnels: streams, messages, openings. One thread, closed loops, nothing that a proxy could be blamed for.

Each is made for a place, gets going, and is then watched for a while: `watch` says what was carried within that time,
not what lies in the buffers of the kernel at its end.
"""

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from errno import EINPROGRESS
from select import EPOLLIN, EPOLLOUT, epoll
from time import perf_counter
from typing import Final, Self

from benchmarks.topology import LOOPBACK
from benchmarks.wrk import Load

Address = tuple[str, int]

HELLO: Final = b"\0"
"""The first byte of a stream: a proxy that looks at first bytes sees that it is no HTTP."""
PIECE: Final = memoryview(bytes(262144))
MEGABYTE: Final = 1_000_000
GIVE_UP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Servers:
    """The far end, as one proxy shows it; `count` is dialled directly."""

    stream: Address
    echo: Address
    count: Address


class Traffic(ABC):
    """Connections that are kept busy."""

    @abstractmethod
    def watch(self, seconds: float) -> Load:
        """Go on for so long, and say what was carried."""

    @abstractmethod
    def close(self) -> None:
        """End all connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def dial(address: Address) -> socket.socket:
    """A connection."""
    sock = socket.create_connection(address, timeout=GIVE_UP_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def thrown_away(servers: Servers) -> int:
    """Bytes that have arrived at the far end."""
    with dial(servers.count) as sock:
        text = b""
        while piece := sock.recv(64):
            text += piece
    return int(text)


class Streams(Traffic):
    """The far end sends as fast as it can; so do we, if `both`. A unit is a megabyte (10**6) in either direction."""

    def __init__(self, servers: Servers, connections: int, *, both: bool) -> None:
        self._servers = servers
        self._both = both
        self._poll = epoll()
        self._socks: dict[int, socket.socket] = {}
        self._buffer = bytearray(len(PIECE))
        for _ in range(connections):
            sock = dial(servers.stream)
            sock.sendall(HELLO)
            sock.setblocking(False)
            self._socks[sock.fileno()] = sock
            self._poll.register(sock, EPOLLIN | EPOLLOUT if both else EPOLLIN)

    def watch(self, seconds: float) -> Load:
        """See `Traffic`."""
        before = thrown_away(self._servers) if self._both else 0
        start = perf_counter()
        received, errors = self._receive(start + seconds)
        elapsed = perf_counter() - start
        if self._both:
            received += thrown_away(self._servers) - before
        return Load(received // MEGABYTE, received / MEGABYTE / elapsed, None, None, errors)

    def _receive(self, end: float) -> tuple[int, dict[str, int]]:
        received = 0
        while perf_counter() < end and self._socks:
            for descriptor, mask in self._poll.poll(max(0.0, end - perf_counter())):
                sock = self._socks[descriptor]
                try:
                    if mask & EPOLLOUT:
                        sock.send(PIECE)
                    if mask & ~EPOLLOUT:
                        size = sock.recv_into(self._buffer, 0, socket.MSG_TRUNC)
                        if not size:
                            return received, {"ended": 1}
                        received += size
                except BlockingIOError:
                    continue
                except OSError as error:
                    return received, {f"broke ({error.strerror})": 1}
        return received, {}

    def close(self) -> None:
        """See `Traffic`."""
        for sock in self._socks.values():
            sock.close()
        self._poll.close()


class Messages(Traffic):
    """Each connection sends a message, waits until it has come back, and sends the next. A unit is one message carried
    in one direction, so each exchange is two.
    """

    def __init__(self, servers: Servers, connections: int, size: int) -> None:
        self._message = bytes(size)
        self._buffer = bytearray(size)
        self._poll = epoll()
        self._socks: dict[int, socket.socket] = {}
        self._missing: dict[int, int] = {}
        self._sent_at: dict[int, float] = {}
        for _ in range(connections):
            sock = dial(servers.echo)
            self._socks[sock.fileno()] = sock
            self._poll.register(sock, EPOLLIN)
            self._send(sock.fileno())

    def _send(self, descriptor: int) -> None:
        self._missing[descriptor] = len(self._message)
        self._sent_at[descriptor] = perf_counter()
        self._socks[descriptor].sendall(self._message)

    def watch(self, seconds: float) -> Load:
        """See `Traffic`."""
        times: list[float] = []
        start = now = perf_counter()
        end = start + seconds
        while now < end:
            for descriptor, _ in self._poll.poll(max(0.0, end - now)):
                try:
                    size = self._socks[descriptor].recv_into(self._buffer)
                    self._missing[descriptor] -= size
                    if not size:
                        return _load(times, perf_counter() - start, {"ended": 1}, units=2)
                    if not self._missing[descriptor]:
                        times.append(perf_counter() - self._sent_at[descriptor])
                        self._send(descriptor)
                except OSError as error:
                    return _load(times, perf_counter() - start, {f"broke ({error.strerror})": 1}, units=2)
            now = perf_counter()
        return _load(times, now - start, {}, units=2)

    def close(self) -> None:
        """See `Traffic`."""
        for sock in self._socks.values():
            sock.close()
        self._poll.close()


class Openings(Traffic):
    """So many at a time: connect, send a byte, wait until it has come back, close. A unit is a connection, and its
    latency is from connecting to the byte.
    """

    def __init__(self, servers: Servers, connections: int) -> None:
        self._address = servers.echo
        self._poll = epoll()
        self._socks: dict[int, socket.socket] = {}
        self._began: dict[int, float] = {}
        for _ in range(connections):
            self._open()

    def _open(self) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        descriptor = sock.fileno()
        self._socks[descriptor] = sock
        self._began[descriptor] = perf_counter()
        status = sock.connect_ex(self._address)
        if status not in (0, EINPROGRESS):
            raise OSError(status, "connecting failed")
        self._poll.register(sock, EPOLLOUT)

    def watch(self, seconds: float) -> Load:
        """See `Traffic`."""
        times: list[float] = []
        errors: dict[str, int] = {}
        start = now = perf_counter()
        end = start + seconds
        while now < end:
            for descriptor, mask in self._poll.poll(max(0.0, end - now)):
                sock = self._socks[descriptor]
                try:
                    if mask & EPOLLOUT:
                        sock.send(HELLO)
                        self._poll.modify(descriptor, EPOLLIN)
                        continue
                    if sock.recv(1) == HELLO:
                        times.append(perf_counter() - self._began[descriptor])
                    else:
                        errors["ended"] = errors.get("ended", 0) + 1
                except OSError as error:
                    errors[f"broke ({error.strerror})"] = errors.get(f"broke ({error.strerror})", 0) + 1
                self._poll.unregister(descriptor)
                self._socks.pop(descriptor).close()
                self._open()
            now = perf_counter()
        return _load(times, now - start, errors)

    def close(self) -> None:
        """See `Traffic`."""
        for sock in self._socks.values():
            sock.close()
        self._poll.close()


def _load(times: list[float], elapsed: float, errors: dict[str, int], units: int = 1) -> Load:
    if not times:
        return Load(0, 0.0, None, None, errors or {"nothing came back": 1})
    ordered = sorted(times)
    p50, p99 = (ordered[int(share * len(ordered))] * 1e6 for share in (0.5, 0.99))
    count = len(times) * units
    return Load(count, count / elapsed, p50, p99, errors)


def count_address(port: int) -> Address:
    """Where the far end counts."""
    return (LOOPBACK, port)
