"""`python -m benchmarks.http2_calls`: what gRPC by grpcio costs a proxy, beside HAProxy and Envoy, in µs of its CPU.

- `unary`: a call with a message of 100 bytes each way, 16 at a time on each of 4 connections.
- `talk`: a message of 100 bytes there and back, on a stream that stays open, as many at a time.
- `down`: a message of 1,000 bytes of a stream that goes one way, of which each connection has one.

Rounds are in rotation, and ratios are taken within a round.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc

from benchmarks import http2_site
from benchmarks.http2_streams import started
from benchmarks.process import Process, StartError
from benchmarks.rounds import rotated
from benchmarks.soak_calls_server import SERVICE
from benchmarks.topology import LOOPBACK, free_ports

CHANNELS: Final = 4
AT_ONCE: Final = 16
MESSAGE: Final = bytes(100)
TIMES_ENVOY: Final = 0.5
START_LIMIT_S: Final = 30.0
SERVERS: Final = 3

Found = dict[str, dict[str, list[float]]]
"""By case and proxy: µs of CPU in each round."""
Work = Callable[[Any, float], Awaitable[int]]
"""What is done on a channel until a time of `time.monotonic`; how often it was."""


async def unary(channel: Any, until: float) -> int:
    """Call, one after another."""
    call = channel.unary_unary(f"/{SERVICE}/Echo")
    done = 0
    while time.monotonic() < until:
        await call(MESSAGE)
        done += 1
    return done


async def talk(channel: Any, until: float) -> int:
    """Say something and wait for the same, on one stream."""
    call = channel.stream_stream(f"/{SERVICE}/Both")()
    done = 0
    while time.monotonic() < until:
        await call.write(MESSAGE)
        await call.read()
        done += 1
    await call.done_writing()
    return done


async def down(channel: Any, until: float) -> int:
    """Read what never ends, and then leave."""
    call = channel.unary_stream(f"/{SERVICE}/Down")(b"\0")
    done = 0
    while time.monotonic() < until:
        await call.read()
        done += 1
    call.cancel()
    return done


CASES: Final[dict[str, tuple[Work, int]]] = {"unary": (unary, AT_ONCE), "talk": (talk, AT_ONCE), "down": (down, 1)}
"""What is done, and how often at a time on each channel."""


async def load(port: int, case: str, seconds: float) -> int:
    """Do something for some time; return how often it was done."""
    work, at_once = CASES[case]
    options = (("grpc.default_authority", http2_site.NAME), ("grpc.use_local_subchannel_pool", 1))
    channels = [grpc.aio.insecure_channel(f"{LOOPBACK}:{port}", options=options) for _ in range(CHANNELS)]
    until = time.monotonic() + seconds
    counts = await asyncio.gather(*(work(channel, until) for channel in channels for _ in range(at_once)))
    for channel in channels:
        await channel.close()
    return sum(counts)


def cpu(process: Process, port: int, case: str, seconds: float) -> float:
    """µs of CPU for each."""
    before = process.cpu()
    done = asyncio.run(load(port, case, seconds))
    return (process.cpu() - before).total / done * 1e6


def await_answered(process: Process, port: int) -> None:
    """Wait until a call is answered."""

    async def once() -> None:
        options = (("grpc.default_authority", http2_site.NAME),)
        async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}", options=options) as channel:
            call = channel.unary_unary(f"/{SERVICE}/Echo")
            await call(MESSAGE, timeout=START_LIMIT_S, wait_for_ready=True)

    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            asyncio.run(once())
            return
        except grpc.RpcError as error:
            if not process.alive or time.monotonic() > deadline:
                raise StartError(f"no call is answered: {error}; {process.tail()}") from None
            time.sleep(0.05)


def run(folder: Path, names: list[str], rounds: int, seconds: float) -> Found:
    """Start everything, and measure."""
    found: Found = {case: {name: [] for name in names} for case in CASES}
    ports = free_ports(SERVERS)
    server = [sys.executable, "-m", "benchmarks.soak_calls_server", "--steady", *map(str, ports)]
    with ExitStack() as running:
        running.enter_context(Process(server, 1, folder / "server.log"))
        proxies = running.enter_context(started(folder, names, {"h1": (), "h2": ports}))
        for name in names:
            await_answered(*proxies[name])
        for number in range(rounds):
            for case in CASES:
                for name in rotated(names, number):
                    value = cpu(*proxies[name], case, seconds)
                    found[case][name].append(value)
                    print(f"{number + 1:3} {case:6} {name:11} {value:9.1f}", file=sys.stderr, flush=True)
    return found


def ratios(by_name: dict[str, list[float]], peer: str) -> list[float]:
    """Ours over a peer's, by round."""
    pairs = zip(by_name.get("noderouter", []), by_name.get(peer, []), strict=False)
    return [ours / theirs for ours, theirs in pairs]


def table(found: Found) -> str:
    """Medians, and the ratios to the peers."""
    lines = []
    for case, by_name in found.items():
        words = [f"{name} {median(values):.1f}" for name, values in by_name.items() if values]
        for peer in ("haproxy", "envoy"):
            each = ratios(by_name, peer)
            words += [f"x {peer} {median(each):.2f} ({min(each):.2f}-{max(each):.2f})"] if each else []
        lines.append(f"{case:6} " + ", ".join(words))
    return "\n".join(lines)


def missed(found: Found) -> bool:
    """Print what costs more than half of Envoy's; whether anything does."""
    over = {case: median(each) for case in found if (each := ratios(found[case], "envoy"))}
    over = {case: times for case, times in over.items() if times > TIMES_ENVOY}
    for case, times in over.items():
        print(f"FAIL  {case}: {times:.2f} x envoy, {TIMES_ENVOY:g} wanted")
    return bool(over)


def main() -> int:
    """Exit code 1 where a bar is missed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http2_calls", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one run")
    parser.add_argument("--proxies", default=",".join(http2_site.PROXIES))
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    try:
        with tempfile.TemporaryDirectory(prefix="http2-calls-") as folder:
            found = run(Path(folder), options.proxies.split(","), options.rounds, options.seconds)
    except (StartError, OSError) as error:
        print(f"http2_calls: {error}", file=sys.stderr)
        return 2
    print(table(found))
    return 1 if missed(found) else 0


if __name__ == "__main__":
    sys.exit(main())
