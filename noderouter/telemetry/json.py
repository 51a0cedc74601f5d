"""`/admin/metrics.json`: the tree as one flat object, or nested (docs/linkerd1.md section 6.3)."""

import json
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any, Final

from noderouter.core.background import Pace
from noderouter.telemetry.histogram import QUANTILES, Histogram
from noderouter.telemetry.portions import Portions, json_text
from noderouter.telemetry.sample import Sample
from noderouter.telemetry.tree import MetricsTree

CHUNK: Final = 100
"""Entries that are encoded in one go."""


class NoSuchSubtree(LookupError):
    """The query names no node."""


def select(tree: MetricsTree, query: str | None) -> Iterator[Sample]:
    """Yield the samples at and below the node `query`, with paths relative to it; all of them for None.

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
    """Yield those samples whose path starts with the elements of `query`, which is cut off."""
    head = tuple(query.split("/"))
    for path, kind, value in samples:
        if path[: len(head)] == head:
            yield Sample(path[len(head) :], kind, value)


async def flat(samples: Iterable[Sample], *, pretty: bool = False) -> tuple[bytes, ...]:
    """Return one object with a number for each metric and each statistic of a histogram; sorted where `pretty`."""
    portions = Portions()
    chunks = _chunks(samples)
    if pretty:
        numbers: dict[str, float] = {}
        for chunk in chunks:
            numbers.update(chunk)
            await portions.rest()
        chunks = _cut(sorted(numbers.items()))
    separator = "{\n" if pretty else "{"
    for chunk in chunks:
        if chunk:
            # Each chunk is encoded as an object of its own; its braces are cut off.
            await portions.add(separator + (json.dumps(chunk, indent=2)[2:-2] if pretty else json.dumps(chunk)[1:-1]))
            separator = ",\n" if pretty else ", "
        await portions.rest()
    if separator[0] == "{":
        await portions.add(separator)
    await portions.add("\n}\n" if pretty else "}")
    return portions.done()


def _chunks(samples: Iterable[Sample]) -> Iterator[dict[str, float]]:
    """Yield as many numbers as are encoded in one go; fewer, and none, where many samples have no value."""
    chunk: dict[str, float] = {}
    for seen, sample in enumerate(samples, 1):
        chunk.update(_numbers("/".join(sample.path), sample))
        if len(chunk) >= CHUNK or seen % CHUNK == 0:
            yield chunk
            chunk = {}
    yield chunk


def _cut(numbers: list[tuple[str, float]]) -> Iterator[dict[str, float]]:
    for start in range(0, len(numbers), CHUNK):
        yield dict(numbers[start : start + CHUNK])


async def nested(samples: Iterable[Sample], *, pretty: bool = False) -> tuple[bytes, ...]:
    """Return objects within objects, one for each element; metrics are keyed `counter`, `gauge` or `stat.*`."""
    pace = Pace()
    root: dict[str, Any] = {}
    for sample in samples:
        node = root
        for element in sample.path:
            node = node.setdefault(element, {})
        node.update(_numbers(sample.kind.value, sample))
        if pace.due():
            await pace.rest()
    return await json_text(root, pretty=pretty)


def _numbers(name: str, sample: Sample) -> Iterator[tuple[str, float]]:
    """Yield the numbers of one metric; none of a histogram before its first window has ended."""
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
