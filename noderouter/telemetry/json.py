"""`/admin/metrics.json`: the tree as one flat object, or nested (spec section 6.3)."""

import json
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any, Final

from noderouter.telemetry.histogram import QUANTILES, Histogram
from noderouter.telemetry.pace import Pace
from noderouter.telemetry.sample import Sample
from noderouter.telemetry.tree import MetricsTree

CHUNK: Final = 200
"""Entries that are encoded in one go."""


class NoSuchSubtree(LookupError):
    """The query names no node."""


def select(tree: MetricsTree, query: str | None) -> Iterator[Sample]:
    """The samples at and below the node `query`, with paths relative to it; all of them for None.

    Raises:
        NoSuchSubtree: there is no such node; raised before the first sample.
    """
    if query is None:
        return tree.samples()
    found = tree.find(query)
    if found is None:
        raise NoSuchSubtree(query)
    scope, rest = found
    if not rest:
        return scope.samples()
    derived = [Sample(path, kind, value) for path, kind, value in _below(scope.derived(), rest)]
    if not derived:
        raise NoSuchSubtree(query)
    return iter(derived)


def _below(samples: Iterable[Sample], query: str) -> Iterator[Sample]:
    """Those samples whose path starts with the elements of `query`, which is cut off."""
    head = tuple(query.split("/"))
    for path, kind, value in samples:
        if path[: len(head)] == head:
            yield Sample(path[len(head) :], kind, value)


async def flat(samples: Iterable[Sample], *, pretty: bool = False) -> bytes:
    """One object with a number for each metric and each statistic of a histogram; sorted where `pretty`."""
    pace = Pace()
    numbers: list[tuple[str, float]] = []
    for sample in samples:
        numbers.extend(_numbers("/".join(sample.path), sample))
        if pace.due():
            await pace.rest()
    if pretty:
        numbers.sort()
    parts = []
    for start in range(0, len(numbers), CHUNK):
        # Each chunk is encoded as an object of its own; its braces are cut off.
        chunk = dict(numbers[start : start + CHUNK])
        parts.append(json.dumps(chunk, indent=2)[2:-2] if pretty else json.dumps(chunk)[1:-1])
        if pace.due():
            await pace.rest()
    text = "{\n" + ",\n".join(parts) + "\n}\n" if pretty else "{" + ", ".join(parts) + "}"
    return text.encode()


async def nested(samples: Iterable[Sample], *, pretty: bool = False) -> bytes:
    """Objects within objects, one for each element; metrics are keyed `counter`, `gauge` or `stat.*`."""
    pace = Pace()
    root: dict[str, Any] = {}
    for sample in samples:
        node = root
        for element in sample.path:
            node = node.setdefault(element, {})
        node.update(_numbers(sample.kind.value, sample))
        if pace.due():
            await pace.rest()
    encoder = json.JSONEncoder(indent=2 if pretty else None, sort_keys=pretty)
    parts = []
    for part in encoder.iterencode(root):
        parts.append(part)
        if pace.due():
            await pace.rest()
    return "".join(parts).encode()


def _numbers(name: str, sample: Sample) -> Iterator[tuple[str, float]]:
    """What is said of one metric; nothing of a histogram before its first window has ended."""
    value = sample.value
    if not isinstance(value, Histogram):
        if isfinite(value):  # JSON has no other numbers
            yield name, value
        return
    window = value.window
    if window is None:
        return
    yield f"{name}.count", window.count
    if window.count:
        factor = value.scale.factor
        yield f"{name}.max", round(window.high * factor, 3)
        yield f"{name}.min", round(window.low * factor, 3)
        for suffix, q in QUANTILES:
            yield f"{name}.{suffix}", round(window.quantile(q) * factor, 3)
        yield f"{name}.sum", round(window.sum * factor, 3)
        yield f"{name}.avg", round(window.sum * factor / window.count, 3)
