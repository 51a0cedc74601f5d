"""`python -m benchmarks.http2_floods`: how long two clients of HTTP/2 wait while a third one floods their router.

The two ask once a millisecond, each on its connection. The third, a process of its own that gives way to them, sends
a flood; when its connection is ended it waits for `PAUSE_S` and comes again. A round has a time without it and one with
each flood; what is compared is the 99th percentile of what the two wait, within a round, and for each
proxy. The bar is 1.2 times.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import http2_site
from benchmarks.http2_streams import client, frames, get, started
from benchmarks.process import ROOT, StartError
from benchmarks.topology import LOOPBACK
from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.http2.frames import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    frame,
    rst_stream,
    settings,
    window_update,
)

PAUSE_S: Final = 0.05
EACH_S: Final = 0.001
PIECE: Final = 100
"""Frames of a flood that are sent at a time."""
BAR: Final = 1.2
PROXIES: Final = ["noderouter", "haproxy", "envoy"]
"""They end what they take for a flood, or carry it; the attacker does the same to each."""


def resets(number: int) -> bytes:
    """Requests that are cancelled at once."""
    return get(number, b"/x") + rst_stream(number, CANCEL)


def empty_data(number: int) -> bytes:
    """DATA without bytes, on a request that does not end."""
    opened = frame(HEADERS, 4, 1, get(1, b"/x")[9:]) if number == 1 else b""
    return opened + frame(DATA, 0, 1, b"")


def continuations(number: int) -> bytes:
    """A header block without an end."""
    opened = frame(HEADERS, 0, 1, get(1, b"/x")[9:]) if number == 1 else b""
    return opened + frame(CONTINUATION, 0, 1, b"\0\1a\1b")


FLOODS: Final[dict[str, Callable[[int], bytes]]] = {
    "resets": resets,
    "pings": lambda _number: frame(PING, 0, 0, bytes(8)),
    "settings": lambda _number: settings([]),
    "priorities": lambda number: frame(PRIORITY, 0, number, bytes(5)),
    "window updates": lambda _number: window_update(0, 1),
    "empty data": empty_data,
    "continuations": continuations,
}
"""The frames for each odd number of a stream."""


def attack(port: int, kind: str) -> None:
    """Flood until killed."""
    flood = FLOODS[kind]
    pieces = [
        b"".join(flood(2 * number + 1) for number in range(at, at + PIECE)) for at in range(0, 100 * PIECE, PIECE)
    ]
    while True:
        with suppress(OSError), socket.create_connection((LOOPBACK, port)) as sock:
            sock.sendall(PREFACE + settings([]))
            for piece in pieces:
                sock.sendall(piece)
        time.sleep(PAUSE_S)


class Asking:
    """One of the two."""

    def __init__(self, port: int) -> None:
        self._sock = client(port)
        self._seen = frames(self._sock)
        self._number = 1

    def once(self) -> float:
        """Ask; seconds until the answer was whole."""
        began = time.perf_counter()
        self._sock.sendall(get(self._number, b"/x"))
        for kind, flags, stream, _ in self._seen:
            if stream == self._number and flags & END_STREAM and kind in (DATA, HEADERS):
                break
        self._number += 2
        return time.perf_counter() - began

    def close(self) -> None:
        """Leave."""
        self._sock.close()


def p99(port: int, seconds: float, kind: str | None) -> float:
    """The 99th percentile of what the two wait, in ms; beside a flood, where there is one."""
    two = [Asking(port) for _ in range(2)]
    command = ["nice", "-n", "19", sys.executable, "-m", "benchmarks.http2_floods", "--attack", str(port), str(kind)]
    flood = subprocess.Popen(command, cwd=ROOT) if kind else None
    try:
        time.sleep(0.5)  # until it floods, and as long without it
        waited: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            waited += [each.once() for each in two]
            time.sleep(EACH_S)
    finally:
        if flood is not None:
            flood.kill()
            flood.wait()
        for each in two:
            each.close()
    return sorted(waited)[int(len(waited) * 0.99)] * 1000


def run(folder: Path, rounds: int, seconds: float, chosen: list[str]) -> dict[str, dict[str, list[float]]]:
    """By proxy and flood, the ratios of the rounds; `alone` has the ms without."""
    ports = http2_site.endpoints()
    found: dict[str, dict[str, list[float]]] = {name: {"alone": []} | {kind: [] for kind in FLOODS} for name in chosen}
    with (
        http2_site.start_endpoints(folder / "endpoints", ports, 1),
        started(folder, chosen, ports) as proxies,
    ):
        for _ in range(rounds):
            for name, (_, port) in proxies.items():
                alone = p99(port, seconds, None)
                found[name]["alone"].append(alone)
                for kind in FLOODS:
                    found[name][kind].append(p99(port, seconds, kind) / alone)
    return found


def report(found: dict[str, dict[str, list[float]]]) -> bool:
    """Print all; whether a flood of ours is over the bar."""
    over = False
    for name, kinds in found.items():
        print(f"{name}: {median(kinds['alone']):.3f} ms alone")
        for kind, ratios in kinds.items():
            if kind != "alone":
                missed = name == "noderouter" and median(ratios) > BAR
                over = over or missed
                words = f"x {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                print(f"  {kind:15} {words}{'  FAIL' if missed else ''}")
    return over


def main() -> int:
    """Exit code 1 where a flood is over the bar, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http2_floods", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one look")
    parser.add_argument("--proxies", nargs="+", choices=PROXIES, default=PROXIES)
    parser.add_argument("--attack", nargs=2, metavar=("PORT", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    if options.attack:
        attack(int(options.attack[0]), options.attack[1])
    try:
        with tempfile.TemporaryDirectory(prefix="http2-floods-") as folder:
            found = run(Path(folder), options.rounds, options.seconds, options.proxies)
    except (StartError, OSError) as error:
        print(f"http2_floods: {error}", file=sys.stderr)
        return 2
    return 1 if report(found) else 0


if __name__ == "__main__":
    sys.exit(main())
