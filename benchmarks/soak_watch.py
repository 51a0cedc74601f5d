"""What a soak run watches: memory, descriptors and tasks of the router, and how steep they rise."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import trio

from benchmarks import procfs
from benchmarks.topology import LOOPBACK

ADMIN_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The process after so many connections or calls; `tasks` and `metrics` are None where nobody tells."""

    done: int
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
        return f"{self.done:9}  {self.rss_mb:7.1f} MB  {self.descriptors:6} descriptors{told}"


async def sample(pid: int, admin_port: int | None, done: int) -> Sample:
    """Look at process `pid`, through /proc and, where it has one, its admin interface."""
    pids = procfs.tree(pid)
    tasks = metrics = None
    if admin_port is not None:
        threads = await _ask(admin_port, "/admin/threads")
        tasks = None if threads is None else count_tasks(threads.decode())
        counted = await _ask(admin_port, "/admin/metrics.json")
        metrics = None if counted is None else len(json.loads(counted))
    return Sample(done, procfs.rss_mb(pids), sum(map(procfs.descriptors, pids)), tasks, metrics)


async def streams(admin_port: int) -> int | None:
    """How many streams of HTTP/2 the router has open, on both sides; None where it does not tell."""
    counted = await _ask(admin_port, "/admin/metrics.json")
    if counted is None:
        return None
    return sum(value for name, value in json.loads(counted).items() if name.endswith("/open_streams"))


def grown(samples: Sequence[Sample], grow_mb: float) -> list[str]:
    """What is wrong with the memory: it grew from the second quarter (the first fills caches) to the last."""
    quarter = len(samples) // 4
    if not samples or not samples[-1].rss_mb:
        return ["the process ended"]
    if quarter == 0:
        return ["fewer than four samples: too short to say anything about memory"]
    early = median(each.rss_mb for each in samples[quarter : 2 * quarter])
    late = median(each.rss_mb for each in samples[-quarter:])
    return [f"memory grew from {early:.1f} to {late:.1f} MB"] if late - early > grow_mb else []


def slopes(samples: Sequence[Sample], of: str) -> list[str]:
    """How steep everything rises in the second half of a run, for 10,000 of what is done."""
    half = samples[len(samples) // 2 :]
    lines = []
    for title, unit, values in (
        ("memory", " MB", [each.rss_mb for each in half]),
        ("descriptors", "", [float(each.descriptors) for each in half]),
        ("tasks", "", [float(each.tasks) for each in half if each.tasks is not None]),
        ("metrics", "", [float(each.metrics) for each in half if each.metrics is not None]),
    ):
        if len(values) == len(half) > 1:
            per = slope([each.done / 10_000 for each in half], values)
            lines.append(f"{title}: {values[0]:.1f} -> {values[-1]:.1f}{unit}, slope {per:+.3f}{unit} per 10,000 {of}")
    return lines


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
