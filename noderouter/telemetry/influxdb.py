r"""The tree in InfluxDB's line protocol (`io.l5d.influxdb`), for a Telegraf that fetches it.

    rt:client,client=#/io.l5d.fs/web,host=node-7:9990,rt=out connects=1,requests=3,request_latency_ms_p99=12.5

The metrics that have one parent are the fields of one measurement. It is named by the elements of the parent's path,
joined by colons, but for routers, servers, services and clients, which are tags. What stands at the root is in `root`.

Other than Linkerd's, commas, blanks and equals signs in names are escaped, as the protocol says: names come from
requests.
"""

import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Final

from noderouter.core.background import Pace
from noderouter.telemetry.histogram import QUANTILES, Histogram
from noderouter.telemetry.sample import Sample

ROOT: Final = "root"

_DISALLOWED: Final = re.compile(r"[^a-zA-Z0-9:]")
_SPECIAL: Final = re.compile(r"[,= ]")
_BLANK: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]|\\+$")
"""What has no place in a line. (A backslash in front of anything else stands for itself.)"""
_STACKS: Final = ("service", "client", "server")
_SUFFIXES: Final = {"p9990": "p999"}
"""Where Linkerd has other names here than in metrics.json."""


async def line_protocol(samples: Iterable[Sample], host: str) -> tuple[bytes, ...]:
    """Return the text, in portions of a measurement each; `host` is a tag of every line."""
    pace = Pace()
    measurements: dict[str, list[str]] = {}
    for sample in samples:
        fields = list(_fields(sample))
        if fields:
            measurements.setdefault(series(sample.path[:-1], host), []).extend(fields)
        if pace.due():
            await pace.rest()
    portions = []
    for head, fields in measurements.items():
        portions.append(f"{head} {','.join(sorted(fields, key=_name))}\n".encode("utf-8", "replace"))
        if pace.due():
            await pace.rest()
    return tuple(portions)


def series(parent: tuple[str, ...], host: str) -> str:
    """Return measurement and tags of the metrics below `parent`."""
    tags = {"host": host}
    name, rest = parent[:0], parent
    if rest[:1] == ("rt",) and len(rest) > 1:
        tags["rt"] = rest[1]
        name, rest = ("rt",), rest[2:]
        if len(rest) > 1 and rest[0] in _STACKS:
            tags[rest[0]] = rest[1]
            name, rest = (*name, rest[0]), rest[2:]
            if name[-1] == "client" and len(rest) > 1 and rest[0] == "service":
                tags["service"] = rest[1]
                name, rest = (*name, "service"), rest[2:]
    measurement = _DISALLOWED.sub("_", ":".join((*name, *rest))) or ROOT
    return ",".join((measurement, *(f"{key}={_escaped(value)}" for key, value in sorted(tags.items()))))


def _fields(sample: Sample) -> Iterator[str]:
    """Yield the fields of one metric; none of a histogram before its first window has ended."""
    name, value = _escaped(sample.path[-1]), sample.value
    if not isinstance(value, Histogram):
        if isfinite(value):  # the protocol has no other numbers
            yield f"{name}={value + 0}"  # a truth is a number, too
        return
    window = value.window
    if window is None:
        return
    yield f"{name}_count={window.count}"
    if window.count:
        factor = value.scale.factor
        figures = [("sum", window.sum), ("avg", window.sum / window.count), ("min", window.low), ("max", window.high)]
        figures += [(suffix, window.quantile(q)) for suffix, q in QUANTILES]
        for suffix, figure in figures:
            yield f"{name}_{_SUFFIXES.get(suffix, suffix)}={round(figure * factor, 3)}"


def _name(field: str) -> str:
    return field.rpartition("=")[0]


def _escaped(text: str) -> str:
    """Return a tag's value, or a field's name, escaped: without line end, not empty, not ending in a backslash."""
    return _SPECIAL.sub(r"\\\g<0>", _BLANK.sub("_", text)) or "_"
