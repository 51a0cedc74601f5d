"""The Prometheus text exposition of the tree (docs/linkerd1.md section 6.4).

Elements of a path are joined by colons; routers, services, clients, servers and exceptions become labels:

    rt/incoming/service/svc/foo/requests       rt:service:requests{rt="incoming", service="svc/foo"}

The text is written here: the order of labels is part of the format, a large tree has to be written in steps, and each
line is kept as text only, in its family's portion.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from noderouter.core.background import Pace
from noderouter.telemetry.histogram import QUANTILES, Histogram
from noderouter.telemetry.sample import Kind, Sample
from noderouter.telemetry.standard import standard

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_TYPES: Final = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "summary"}
_DISALLOWED: Final = re.compile(r"[^a-zA-Z0-9:]")
_STACKS: Final = ("service", "client", "server")
_NOT_FINITE: Final = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
_EXCEPTIONS: Final = {"failures": "failures", "exn": "exceptions"}

Labels = dict[str, str]


def series(path: tuple[str, ...], prefix: str = "") -> tuple[str, Labels]:
    """Return the name of a metric, and its labels in the order in which they are written."""
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
    elif path[:2] == ("tls", "files") and len(path) == 4:
        labels["file"] = path[2]
        rest = (*path[:2], path[3])
    elif path[0] == "kubernetes" and len(path) > 4:
        labels["api"], labels["watch"] = path[1], path[3]
        name, rest = ("kubernetes", path[2]), path[4:]
    return _DISALLOWED.sub("_", prefix + ":".join((*name, *rest))), labels


class Families:
    """The lines of each metric: those of one name have to stand together, and the tree is not in that order."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._families: dict[str, bytearray] = {}

    def add(self, sample: Sample) -> None:
        """Write the lines of one sample."""
        name, labels = series(sample.path, self._prefix)
        value = sample.value
        if isinstance(value, Histogram):
            self._add_summary(name, labels, value)
        else:
            self._family(name, _TYPES[sample.kind]).extend(_line(name, labels, value))

    def take(self) -> Iterator[bytes]:
        """Yield the families, in the order in which they were first seen, and forget them."""
        while self._families:
            name = next(iter(self._families))
            yield bytes(self._families.pop(name))

    def _family(self, name: str, kind: str) -> bytearray:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = bytearray(f"# TYPE {name} {kind}\n", "utf-8")
        return family

    def _add_summary(self, name: str, labels: Labels, histogram: Histogram) -> None:
        """Write totals since the start, and the quantiles of the last window."""
        factor = histogram.scale.factor
        count = histogram.total_count
        if not count:
            return
        family = self._family(name, "summary")
        family.extend(_line(f"{name}_count", labels, count))
        family.extend(_line(f"{name}_sum", labels, histogram.total_sum * factor))
        window = histogram.window
        if window is None or not window.count:
            return
        average = f"{name}_avg"
        self._family(average, "gauge").extend(_line(average, labels, window.sum * factor / window.count))
        quantiles = [("0", window.low), *((str(q), window.quantile(q)) for _, q in QUANTILES), ("1", window.high)]
        for quantile, value in quantiles:
            family.extend(_line(name, {**labels, "quantile": quantile}, value * factor))


async def exposition(samples: Iterable[Sample], prefix: str = "") -> tuple[bytes, ...]:
    """Return the text for one scrape, in portions; `prefix` is put before the names of our own metrics."""
    pace = Pace()
    families = Families(prefix)
    for sample in samples:
        families.add(sample)
        if pace.due():
            await pace.rest()
    portions = []
    for family in families.take():
        portions.append(family)
        if pace.due():
            await pace.rest()
    portions.append(b"".join(_of_the_process()))
    return tuple(portions)


def _of_the_process() -> Iterator[bytes]:
    """Yield what every process tells."""
    told = None
    for family, labels, value in standard():
        if family is not told:
            told = family
            name = family.sample
            yield f"# HELP {name} {family.help}\n# TYPE {name} {family.type.value}\n".encode()
        yield _line(family.sample, labels, value)


def _line(name: str, labels: Labels, value: float) -> bytes:
    number = repr(value)
    number = _NOT_FINITE.get(number, number)
    shown = ", ".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return (f"{name}{{{shown}}} {number}\n" if shown else f"{name} {number}\n").encode("utf-8", "replace")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
