"""What a soak run watches: memory, descriptors and tasks of the router, and how steep they rise."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from benchmarks import procfs
from benchmarks.topology import LOOPBACK

ADMIN_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The process after so many connections; `tasks` and `metrics` are None where nobody tells."""

    connections: int
    rss_mb: float
    descriptors: int
    tasks: int | None
    metrics: int | None

    def __str__(self) -> str:
        told = "".join(
            f"  {name} {value}"
            for name, value in (("tasks", self.tasks), ("metrics", self.metrics))
            if value is not None
        )
        return f"{self.connections:9} connections  {self.rss_mb:7.1f} MB  {self.descriptors:6} descriptors{told}"


async def sample(pid: int, admin_port: int | None, connections: int) -> Sample:
    """Look at process `pid`, through /proc and, where it has one, its admin interface."""
    pids = procfs.tree(pid)
    tasks = metrics = None
    if admin_port is not None:
        threads = await _ask(admin_port, "/admin/threads")
        tasks = None if threads is None else count_tasks(threads.decode())
        counted = await _ask(admin_port, "/admin/metrics.json")
        metrics = None if counted is None else len(json.loads(counted))
    return Sample(connections, procfs.rss_mb(pids), sum(map(procfs.descriptors, pids)), tasks, metrics)


def count_tasks(text: str) -> int:
    """The coroutines of the data path in `/admin/threads`: the lines of its first part that are not indented."""
    lines = text.partition("\n\n")[0].splitlines()[1:]
    return sum(1 for line in lines if line and not line.startswith((" ", "...")))


async def _ask(port: int, path: str) -> bytes | None:
    """The body of a 200, None for anything else."""
    data = bytearray()
    try:
        with trio.fail_after(ADMIN_LIMIT_S):
            async with await trio.open_tcp_stream(LOOPBACK, port) as stream:
                await stream.send_all(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                async for piece in stream:
                    data += piece
    except (OSError, trio.BrokenResourceError, trio.TooSlowError):
        return None
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    return body if head.split(b" ", 2)[1:2] == [b"200"] else None


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of the least-squares line; 0 where all x are the same."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    if spread == 0:
        return 0.0
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
