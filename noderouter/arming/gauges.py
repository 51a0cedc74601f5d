"""The metrics of interception, below `intercept/`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from noderouter.telemetry.tree import Scope

if TYPE_CHECKING:
    from noderouter.arming.arming import Arming


def intercept_gauges(scope: Scope, arming: "Arming") -> None:
    """Put them in their places."""
    standing, probe = arming.teller.standing, arming.vitals.probe
    pods, services = arming.pods, arming.services
    gauges: dict[str, Callable[[], float]] = {
        "armed": lambda: float(standing.armed),
        "connected": lambda: float(standing.connected),
        "pods": lambda: float(len(pods)),
        "destinations": lambda: float(len(services)),
        "generation": lambda: float(standing.generation),
        "lists_not_told": lambda: float(bool(pods.excess) + bool(services.excess)),
        "not_in_force": lambda: float(bool(standing.not_in_force)),
        "probe_ms": lambda: float(probe.took_ms),
    }
    tallies: dict[str, Callable[[], int]] = {
        "disarms": lambda: standing.disarms,
        "connects": lambda: standing.connects,
        "refused_lists": lambda: pods.refusals + services.refusals,
        "probe_failures": lambda: probe.failures,
    }
    for name, read in gauges.items():
        scope.gauge(name, read)
    for name, count in tallies.items():
        scope.tally(name, count)
