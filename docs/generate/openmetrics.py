"""The page of `/metrics`: every family with type, labels and meaning, from the catalogue that the router reads."""

from collections.abc import Iterator
from typing import Final

from noderouter.telemetry.openmetrics.catalogue import BUILD, GONE_FAILURES, GONE_REQUESTS, REQUESTS, ROWS_OF
from noderouter.telemetry.openmetrics.family import Family

HEAD: Final = """# Metrics for OpenMetrics

<!-- Made by `python -m docs.generate` from noderouter/telemetry/openmetrics/rows.py and its neighbours. -->

What `/metrics` shows, on the admin port and on the one for probes. How it is meant is in
[metrics](metrics.md#openmetrics). Counters end in `_total`, and what has a unit ends in it. Beside these there are the
`process_*` and `python_gc_*` that processes in Python tell.
"""

TITLES: Final = {
    "server": "Servers: what clients of this router see",
    "service": "Services: requests by name",
    "client": "Clients: what names are bound to",
    "router": "Routers",
    "process": "The process",
}


def page() -> str:
    """Return the page."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield HEAD
    groups = {
        "server": [*_of("server"), *_of("flow")],
        "service": _of("service"),
        "client": _of("pair"),
        "router": [GONE_REQUESTS, GONE_FAILURES],
        "process": [BUILD],
    }
    for place, title in TITLES.items():
        yield f"\n## {title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
        for family in dict.fromkeys([*groups[place], *ROWS_OF[place]]):
            labels = ", ".join(f"`{label}`" for label in family.labels)
            yield f"| `{family.sample}` | {family.type.value} | {labels} | {family.help} |\n"


def _of(place: str) -> list[Family]:
    return list(REQUESTS[place].all())
