"""What the administrative interface counts of itself, below `admin/`. The names are fixed: no stranger can add one."""

from noderouter.admin.answers import Answers
from noderouter.admin.places import Places
from noderouter.telemetry.tree import MetricsTree

REFUSALS = ("host", "origin", "body", "token", "tls")
"""Why a request is refused: its `Host` (421), a page of another site (403), a body too large or too slow (413, 408), no
token, or a wrong one (401); or its connection, since no keys were agreed on."""


class Gauges:
    """The counters of all ports."""

    def __init__(self, metrics: MetricsTree, answers: Answers) -> None:
        self._ports: list[Places] = []
        self.requests = metrics.counter("admin/requests")
        self.refused = {why: metrics.counter(f"admin/refused/{why}") for why in REFUSALS}
        metrics.gauge("admin/connections", lambda: sum(len(places) for places in self._ports))
        metrics.tally("admin/displaced", lambda: sum(places.displaced for places in self._ports))
        metrics.tally("admin/answers/made", lambda: answers.made)
        metrics.tally("admin/answers/shared", lambda: answers.shared)
        metrics.tally("admin/answers/cut", lambda: answers.cut)

    def places(self, limit: int) -> Places:
        """Return the places of one more port."""
        places = Places(limit)
        self._ports.append(places)
        return places
