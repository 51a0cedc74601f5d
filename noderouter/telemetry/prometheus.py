"""The Prometheus text exposition of the tree (spec section 6.4).

Elements of a path are joined by colons; routers, services, clients, servers and exceptions become labels:

    rt/incoming/service/svc/foo/requests       rt:service:requests{rt="incoming", service="svc/foo"}

The samples go through a registry of our own, beside prometheus_client's process and garbage collectors, but the
text is written here: the order of labels is part of the format, and a large tree has to be written in steps.
prometheus_client is imported with this module, which happens on the first scrape.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, Metric, ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample as Line

from noderouter.telemetry.histogram import QUANTILES, Histogram
from noderouter.telemetry.pace import Pace
from noderouter.telemetry.sample import Kind, Sample

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_TYPES: Final = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "summary"}
_DISALLOWED: Final = re.compile(r"[^a-zA-Z0-9:]")
_STACKS: Final = ("service", "client", "server")
_NOT_FINITE: Final = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
_EXCEPTIONS: Final = {"failures": "failures", "exn": "exceptions"}

Labels = dict[str, str]


def series(path: tuple[str, ...], prefix: str = "") -> tuple[str, Labels]:
    """The name of a metric, and its labels in the order in which they are written."""
    labels: Labels = {}
    name: tuple[str, ...] = ()
    rest = path
    if path[0] == "rt" and len(path) > 2:
        labels["rt"] = path[1]
        name, rest = ("rt",), path[2:]
        if rest[0] in _STACKS and len(rest) > 2:
            stack = rest[0]
            labels[stack] = rest[1]
            name, rest = (*name, stack), rest[2:]
            if stack == "client" and rest[0] == "service" and len(rest) > 2:
                labels["service"] = rest[1]
                name, rest = (*name, "service"), rest[2:]
            if rest[0] in _EXCEPTIONS and len(rest) > 1:
                labels["exception"] = ":".join(rest[1:])
                rest = (_EXCEPTIONS[rest[0]],)
        elif rest[:2] == ("interpreter", "dtab_hash") and len(rest) == 3:
            labels["hash"] = rest[2]
            rest = rest[:2]
    elif path[0] == "kubernetes" and len(path) > 4:
        labels["api"], labels["watch"] = path[1], path[3]
        name, rest = ("kubernetes", path[2]), path[4:]
    return _DISALLOWED.sub("_", prefix + ":".join((*name, *rest))), labels


class TreeCollector(Collector):
    """Samples of the tree, as families of prometheus_client."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._families: dict[str, Metric] = {}

    def add(self, sample: Sample) -> None:
        """Take one sample."""
        name, labels = series(sample.path, self._prefix)
        value = sample.value
        if isinstance(value, Histogram):
            self._add_summary(name, labels, value)
        else:
            self._family(name, _TYPES[sample.kind]).add_sample(name, labels, value)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        yield from self._families.values()

    def _family(self, name: str, kind: str) -> Metric:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = Metric(name, "", kind)
        return family

    def _add_summary(self, name: str, labels: Labels, histogram: Histogram) -> None:
        """Totals since the start, and what the last window says of the distribution."""
        factor = histogram.scale.factor
        count = histogram.total_count
        if not count:
            return
        family = self._family(name, "summary")
        family.add_sample(f"{name}_count", labels, count)
        family.add_sample(f"{name}_sum", labels, histogram.total_sum * factor)
        window = histogram.window
        if window is None or not window.count:
            return
        average = f"{name}_avg"
        self._family(average, "gauge").add_sample(average, labels, window.sum * factor / window.count)
        quantiles = [("0", window.low), *((str(q), window.quantile(q)) for _, q in QUANTILES), ("1", window.high)]
        for quantile, value in quantiles:
            family.add_sample(name, {**labels, "quantile": quantile}, value * factor)


async def exposition(samples: Iterable[Sample], prefix: str = "") -> bytes:
    """The text for one scrape; `prefix` is put before the names of our own metrics."""
    pace = Pace()
    collector = TreeCollector(prefix)
    for sample in samples:
        collector.add(sample)
        if pace.due():
            await pace.rest()
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    lines: list[str] = []
    for family in registry.collect():
        lines.extend(_head(family))
        for line in family.samples:
            lines.append(_line(line))
            if pace.due():
                await pace.rest()
    return "".join(lines).encode()


def _head(family: Metric) -> Iterator[str]:
    """The comment lines of a family; prometheus_client names counters without their `_total`."""
    name = family.samples[0].name if family.type == "counter" and family.samples else family.name
    if family.documentation:
        yield f"# HELP {name} {family.documentation}\n"
    yield f"# TYPE {name} {family.type}\n"


def _line(line: Line) -> str:
    number = repr(line.value)
    number = _NOT_FINITE.get(number, number)
    labels = ", ".join(f'{label}="{_escaped(text)}"' for label, text in line.labels.items())
    return f"{line.name}{{{labels}}} {number}\n" if labels else f"{line.name} {number}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
