"""The clients of `benchmarks.fairness` who want everything for themselves; each is a process of its own.

`python -m benchmarks.fairness_clients KIND PORT HOST SECONDS` prints `ready` when it is at work, and stops by itself.
"""

import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks.topology import LOOPBACK

STALLED: Final = 200
PIPELINED: Final = 100_000
OPENING: Final = 1_000


def connected(port: int, *, receive_bytes: int | None = None) -> socket.socket:
    """A connection to the proxy."""
    sock = socket.socket()
    if receive_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(10)
    sock.connect((LOOPBACK, port))
    return sock


def request(host: str, path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def stalled(port: int, host: str, until: float) -> None:
    """Two hundred downloads that nobody reads, given up and begun anew."""
    print("ready", flush=True)
    while time.monotonic() < until:
        socks = []
        for _ in range(STALLED):
            sock = connected(port, receive_bytes=4096)
            sock.sendall(request(host, "/huge"))
            socks.append(sock)
        time.sleep(0.5)
        for sock in socks:
            sock.close()


def pipelining(port: int, host: str, until: float) -> None:
    """One client that sends requests without waiting, and reads what comes."""
    print("ready", flush=True)
    batch = request(host, "/x") * 200
    sock = connected(port)
    sock.setblocking(False)
    sent = 0
    pending = b""
    while time.monotonic() < until:
        if not pending and sent < PIPELINED:
            pending = batch
            sent += 200
        try:
            pending = pending[sock.send(pending) :]
        except BlockingIOError:
            pass
        try:
            while sock.recv(1 << 20):
                pass
        except BlockingIOError:
            time.sleep(0.0005)
        if sent >= PIPELINED:
            sent = 0


def streaming(port: int, host: str, until: float) -> None:
    """One client that downloads gigabytes as fast as they come."""
    print("ready", flush=True)
    sock = connected(port)
    buffer = bytearray(1 << 20)
    asked = request(host, "/huge")
    while time.monotonic() < until:
        sock.sendall(asked * 8)
        left = 8 * (16 << 20)
        while left > 0 and time.monotonic() < until:
            left -= sock.recv_into(buffer)


def opening(port: int, host: str, until: float) -> None:
    """A thousand connections at once, each with a request, again and again."""
    print("ready", flush=True)
    asked = request(host, "/x")
    while time.monotonic() < until:
        socks = []
        for _ in range(OPENING):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((LOOPBACK, port))
            socks.append(sock)
        for sock in socks:
            sock.settimeout(5)
            try:
                sock.sendall(asked)
                sock.recv(4096)
            except OSError:
                pass
            sock.close()
        time.sleep(0.2)


KINDS: Final[dict[str, Callable[[int, str, float], None]]] = {
    "stalled": stalled,
    "pipelining": pipelining,
    "streaming": streaming,
    "opening": opening,
}


def main() -> int:
    """Be one of `KINDS` for so many seconds."""
    kind, port, host, seconds = sys.argv[1:]
    try:
        KINDS[kind](int(port), host, time.monotonic() + float(seconds))
    except OSError as error:
        print(f"{kind}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
