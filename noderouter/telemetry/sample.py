"""What a reader of metrics gets: path, kind and value, one after the other.

The one place that knows which metrics a `RequestStats` stands for (docs/linkerd1.md section 6.2). Both wire forms are
made from samples, so they cannot disagree.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from noderouter.telemetry.histogram import Histogram
from noderouter.telemetry.metrics import OTHER_STATUS, RequestStats


class Kind(Enum):
    """The kind of a value; its own value is the key in the JSON tree."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "stat"


class Sample(NamedTuple):
    """One metric; `value` is a Histogram where `kind` says so, else a number."""

    path: tuple[str, ...]
    kind: Kind
    value: float | Histogram


def of_requests(stats: RequestStats, path: tuple[str, ...], *, whole: bool) -> Iterator[Sample]:
    """Yield the metrics that `stats` stands for, below `path`.

    Args:
        stats: what was recorded.
        path: of the server, service or client.
        whole: whether exceptions are also listed under `exn`, and every class of statuses is there from the start, as
            for servers and services: a `rate()` does not see what begins with 1.
    """
    counters = [
        (("requests",), stats.requests),
        (("success",), stats.success),
        (("failures",), stats.failures),
        *_exceptions(stats, "failures"),
        *(_exceptions(stats, "exn") if whole else ()),
        *_statuses(stats, whole),
    ]
    for name, count in counters:
        yield Sample(path + name, Kind.COUNTER, count)
    yield Sample((*path, "pending"), Kind.GAUGE, stats.pending)
    yield Sample((*path, "request_latency_ms"), Kind.HISTOGRAM, stats.latency())
    for digit, histogram in sorted(stats.classes.items()):
        yield Sample((*path, "time", _class_name(digit)), Kind.HISTOGRAM, histogram)


def _exceptions(stats: RequestStats, head: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield counts by exception; `a/b` (an `a` caused by a `b`) counts for `a` too."""
    totals: dict[tuple[str, ...], int] = {}
    for name, count in stats.exceptions.items():
        chain = tuple(name.split("/"))
        for length in range(1, len(chain) + 1):
            totals[chain[:length]] = totals.get(chain[:length], 0) + count
    for chain, count in sorted(totals.items()):
        yield (head, *chain), count


def _statuses(stats: RequestStats, whole: bool) -> Iterator[tuple[tuple[str, ...], int]]:
    classes = dict.fromkeys(range(1, 6), 0) if whole else {}
    for status, count in sorted(stats.statuses.items()):
        if status != OTHER_STATUS:
            yield ("status", str(status)), count
        classes[status // 100] = classes.get(status // 100, 0) + count
    for digit, count in classes.items():
        yield ("status", _class_name(digit)), count
    if whole or stats.errors:
        yield ("status", "error"), stats.errors


def _class_name(digit: int) -> str:
    """Return `2XX`; the codes beyond the limit have no class of their own."""
    return f"{digit}XX" if digit else "other"
