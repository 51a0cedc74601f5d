"""Which families `/metrics` has, and which place of the tree each is read from.

A row of `rows.ROWS` is a metric of the tree below a place of a certain kind (`PLACES`). What is recorded of requests
(`RequestStats`) has families of its own for each kind of place (`REQUESTS`). What has no row is not shown: figures that
Linkerd's dashboards ask for twice, averages, and what a reader can compute. docs/metrics.md lists all of this.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from noderouter.telemetry.openmetrics.family import Family, Type
from noderouter.telemetry.openmetrics.rows import ROWS

PLACES: Final = {
    "process": (),
    "router": ("router",),
    "server": ("router", "server"),
    "service": ("router", "service"),
    "client": ("router", "client"),
}
"""Kinds of places, and the labels of all that is there."""
_SERVER: Final = PLACES["server"]

_LABEL: Final = re.compile(r"\{(\w+)\}")
_C, _G, _H, _I = Type.COUNTER, Type.GAUGE, Type.HISTOGRAM, Type.INFO


def _family(place: str, path: str, type: Type, name: str, help: str) -> Family:
    unit = next((unit for unit in ("seconds", "bytes", "ratio") if name.endswith("_" + unit)), "")
    return Family(f"noderouter_{name}", type, help, (*PLACES[place], *_LABEL.findall(path)), unit)


@dataclass(slots=True)
class Node:
    """A node of the tree, as far as something at or below it is shown."""

    family: Family | None = None
    factor: float = 1.0
    """What a value is multiplied by."""
    label: str = ""
    """The label that the node's own name is the value of, if any."""
    below: "dict[str, Node]" = field(default_factory=dict)
    any: "Node | None" = None
    """What is below it with any other name."""

    @property
    def deep(self) -> bool:
        """Whether something below it is shown."""
        return bool(self.below) or self.any is not None

    def child(self, name: str) -> "Node | None":
        """Return what is known of a child."""
        return self.below.get(name) or self.any


def _built() -> dict[str, Node]:
    roots = {place: Node() for place in PLACES}
    for place, path, type, name, help in ROWS:
        node = roots[place]
        for element in path.split("/"):
            found = _LABEL.fullmatch(element)
            if found is None:
                node = node.below.setdefault(element, Node())
            else:
                node.any = node.any or Node(label=found[1])
                node = node.any
        node.family = _family(place, path, type, name, help)
        if type is not Type.HISTOGRAM and path.endswith("_ms"):
            node.factor = 0.001
    return roots


ROOTS: Final = _built()
"""By kind of place."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The families of what is recorded of requests at one kind of place."""

    requests: Family
    failures: Family
    in_flight: Family
    duration: Family
    errors: Family | None = None

    def all(self) -> Iterator[Family]:
        """Yield each of them."""
        yield from (self.requests, self.failures, self.in_flight, self.duration)
        if self.errors is not None:
            yield self.errors


def _requests(prefix: str, labels: tuple[str, ...], what: str, *, errors: bool) -> Requests:
    def family(type: Type, name: str, help: str, *more: str, unit: str = "") -> Family:
        return Family(f"noderouter_{prefix}{name}", type, help, (*labels, *more), unit)

    return Requests(
        family(_C, "requests", f"{what} that have ended by class of status", "status_class"),
        family(_C, "failures", f"{what} that failed by the verdict of the response classifier"),
        family(_G, "requests_in_flight", f"{what} in progress"),
        family(_H, "request_duration_seconds", f"{what} by time from head to last byte", unit="seconds"),
        family(_C, "errors", f"{what} that ended without a response by reason", "error") if errors else None,
    )


REQUESTS: Final = {
    "server": _requests("server_", PLACES["server"], "Requests as clients of the router see them", errors=True),
    "service": _requests("service_", PLACES["service"], "Requests by name with all their retries", errors=True),
    "pair": _requests("", ("router", "service", "client"), "Attempts of requests at clients", errors=False),
    "flow": Requests(
        Family(
            "noderouter_flow_requests", _C, "Flows by whether they were carried", (*PLACES["server"], "status_class")
        ),
        Family("noderouter_flow_failures", _C, "Flows that could not be carried", PLACES["server"]),
        Family("noderouter_flow_requests_in_flight", _G, "Flows in progress", PLACES["server"]),
        Family(
            "noderouter_flow_connect_duration_seconds", _H, "Time until flows were through", PLACES["server"], "seconds"
        ),
    ),
}

_OF: Final = ("router", "of")
GONE_REQUESTS: Final = Family(
    "noderouter_gone_requests", _C, "Requests of series that have left by class of status", (*_OF, "status_class")
)
GONE_FAILURES: Final = Family("noderouter_gone_failures", _C, "Failed requests of series that have left", _OF)
BUILD: Final = Family("noderouter_build", _I, "The version that runs", ("version", "compiled"))


ROWS_OF: Final = {place: [_family(*row) for row in ROWS if row[0] == place] for place in PLACES}
"""The families of the table, by kind of place."""


def families() -> Iterator[Family]:
    """Yield every family there is, once."""
    groups = [[BUILD, GONE_REQUESTS, GONE_FAILURES], *(group.all() for group in REQUESTS.values()), *ROWS_OF.values()]
    yield from dict.fromkeys(family for group in groups for family in group)
