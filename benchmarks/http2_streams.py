"""`python -m benchmarks.http2_streams`: what streams of HTTP/2 do to each other, and what they leave behind.

- `big`: bodies of 1 MB to eight streams of two connections, in MB/s, beside HAProxy.
- `stalled`: CPU of a request on 99 streams of a connection while a hundredth is not read, times that without it.
- `cancelled`: memory before 10,000 streams wait, while they do, and ten seconds after all were cancelled at once.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import http2, http2_site
from benchmarks.process import Process, StartError
from benchmarks.rounds import rotated
from benchmarks.topology import LOOPBACK
from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.http2.frames import (
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    HEAD_BYTES,
    HEADERS,
    MAX_WINDOW,
    SETTINGS_ACK,
    frame,
    settings,
    window_update,
)
from noderouter.proxy.http2.settings import MAX_CONCURRENT_STREAMS

BIG: Final = http2.Case("big", 2, 4)
STREAMS: Final = 99
CONNECTIONS: Final = 10
CANCELLED: Final = 10_000
AFTERWARDS_S: Final = 10.0
BARS: Final = {"big": 0.9, "stalled": 1.05, "cancelled": 1.1}


def get(stream: int, path: bytes) -> bytes:
    """A GET without a table: `:method`, `:scheme`, `:authority` and `:path`."""
    name = http2_site.NAME.encode()
    fields = b"\x82\x86\x01" + bytes([len(name)]) + name + b"\x04" + bytes([len(path)]) + path
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, fields)


def frames(sock: socket.socket) -> Iterator[tuple[int, int, int, int]]:
    """Kind, flags, stream and length of each frame that comes."""
    data = b""
    while more := sock.recv(65536):
        data += more
        pos = 0
        while len(data) - pos >= HEAD_BYTES:
            length = int.from_bytes(data[pos : pos + 3], "big")
            if len(data) - pos < HEAD_BYTES + length:
                break
            yield data[pos + 3], data[pos + 4], int.from_bytes(data[pos + 5 : pos + HEAD_BYTES], "big"), length
            pos += HEAD_BYTES + length
        data = data[pos:]


def client(port: int) -> socket.socket:
    """A connection whose own window is as large as one may be, and whose streams have 65,535 bytes."""
    sock = socket.create_connection((LOOPBACK, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(PREFACE + settings([]) + window_update(0, MAX_WINDOW - DEFAULT_WINDOW))
    return sock


def ask(port: int, seconds: float, stalled: bool) -> int:
    """Keep `STREAMS` requests under way; return how many were answered. `stalled`: beside 1 MB that is not read."""
    with client(port) as sock:
        number = 1
        if stalled:
            sock.sendall(get(number, b"/big"))
            number += 2
        sock.sendall(b"".join(get(each, b"/x") for each in range(number, number + 2 * STREAMS, 2)))
        number += 2 * STREAMS
        answered = 0
        end = time.monotonic() + seconds
        for kind, flags, stream, _ in frames(sock):
            if stream and flags & END_STREAM and kind in (DATA, HEADERS):
                answered += 1
                sock.sendall(get(number, b"/x"))
                number += 2
                if time.monotonic() > end:
                    break
        return answered


def cpu(process: Process, port: int, seconds: float, stalled: bool) -> float:
    """µs of CPU for a request of `ask`."""
    before = process.cpu()
    answered = ask(port, seconds, stalled)
    return (process.cpu() - before).total / answered * 1e6


class Silent:
    """An endpoint that takes any number of streams and answers none of them."""

    def __init__(self) -> None:
        self.here = 0
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.sendall(settings([(MAX_CONCURRENT_STREAMS, CANCELLED)]) + SETTINGS_ACK)
        left = len(PREFACE)
        while left:
            left -= len(sock.recv(left))
        for kind, *_ in frames(sock):
            self.here += kind == HEADERS


def cancelled(process: Process, port: int, silent: Silent) -> tuple[float, float, float]:
    """MB before, meanwhile and afterwards."""
    socks = [client(port) for _ in range(CONNECTIONS)]
    numbers = range(1, 2 * CANCELLED // CONNECTIONS, 2)
    before, wanted = process.rss_mb(), silent.here + CANCELLED
    for sock in socks:
        sock.sendall(b"".join(get(number, b"/x") for number in numbers))
    while silent.here < wanted:
        if not process.alive:
            raise StartError(process.tail())
        time.sleep(0.01)
    meanwhile = process.rss_mb()
    for sock in socks:
        sock.close()
    time.sleep(AFTERWARDS_S)
    return before, meanwhile, process.rss_mb()


@contextmanager
def started(
    folder: Path, names: list[str], endpoints: dict[str, tuple[int, ...]]
) -> Iterator[dict[str, tuple[Process, int]]]:
    """Each proxy with the port that leads to endpoints of HTTP/2."""
    paths = folder / f"paths-{len(list(folder.iterdir()))}"
    paths.write_text(f"http://{http2_site.NAME}/x\n")
    with ExitStack() as running:
        found = {}
        for name in names:
            place = http2_site.site(folder / f"{name}-{len(list(folder.iterdir()))}", endpoints)
            process = running.enter_context(Process(http2_site.PROXIES[name](place), 0, place.folder / "log"))
            if endpoints["h1"]:
                http2.await_served(process, place.ports["h2"], paths)
            else:
                await_open(process, place.ports["h2"])
            found[name] = process, place.ports["h2"]
        yield found


def await_open(process: Process, port: int) -> None:
    """Wait until a port is listened on."""
    while process.alive:
        try:
            socket.create_connection((LOOPBACK, port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise StartError(process.tail())


def main() -> int:
    """Exit code 1 where a bar is missed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http2_streams", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one run")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    try:
        with tempfile.TemporaryDirectory(prefix="http2-streams-") as folder:
            lines, found = run(Path(folder), options.rounds, options.seconds)
    except (StartError, OSError, RuntimeError) as error:
        print(f"http2_streams: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 1 if missed(found) else 0


def run(folder: Path, rounds: int, seconds: int) -> tuple[list[str], dict[str, float]]:
    """Lines for people, and what is compared with `BARS`."""
    ports = http2_site.endpoints()
    big: list[float] = []
    stalled: list[float] = []
    rates: dict[str, list[float]] = {"noderouter": [], "haproxy": []}
    paths = folder / "big"
    paths.write_text(f"http://{http2_site.NAME}/big\n")
    with http2_site.start_endpoints(folder / "endpoints", ports, 1), started(folder, list(rates), ports) as proxies:
        for number in range(rounds):
            for name in rotated(list(rates), number):
                rates[name].append(http2.load(proxies[name][1], BIG, paths, seconds=seconds) / seconds)
            big.append(rates["noderouter"][-1] / rates["haproxy"][-1])
            pair = {each: cpu(*proxies["noderouter"], seconds, each) for each in rotated([False, True], number)}
            stalled.append(pair[True] / pair[False])
    silent = Silent()
    with started(folder, ["noderouter"], {"h1": (), "h2": (silent.port,)}) as proxies:
        turns = [cancelled(*proxies["noderouter"], silent) for _ in range(2)]
    before, _, after = turns[0]  # the second one shows whether it goes on
    found = {"big": median(big), "stalled": median(stalled), "cancelled": after / before}
    lines = [
        f"1 MB: {median(rates['noderouter']):.0f} MB/s, haproxy {median(rates['haproxy']):.0f}: x {found['big']:.2f} "
        f"({min(big):.2f}-{max(big):.2f})",
        f"beside a stalled stream: x {found['stalled']:.3f} ({min(stalled):.3f}-{max(stalled):.3f}) of the CPU",
        "cancelled: " + ", ".join(f"{each[0]:.1f} -> {each[1]:.1f} -> {each[2]:.1f} MB" for each in turns),
    ]
    return lines, found


def missed(found: dict[str, float]) -> bool:
    """Print what misses its bar; whether anything does."""
    over = [key for key, bar in BARS.items() if (found[key] < bar if key == "big" else found[key] > bar)]
    for key in over:
        print(f"FAIL  {key}: {found[key]:.3f}, {BARS[key]:g} wanted")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())
