"""The metrics of interception, below `intercept/`."""

from collections.abc import Callable
from typing import Any

from noderouter.interception.control.keeper_status import KeeperStatus
from noderouter.interception.control.list_sync import ListSync
from noderouter.interception.control.probe import Probe
from noderouter.telemetry.tree import Scope


def intercept_gauges(
    scope: Scope, status: KeeperStatus, probe: Probe, pods: ListSync[Any], services: ListSync[Any]
) -> None:
    """Register the metrics in `scope`."""
    gauges: dict[str, Callable[[], float]] = {
        "armed": lambda: float(status.armed),
        "standby": lambda: float(status.standby),
        "connected": lambda: float(status.connected),
        "pods": lambda: float(len(pods)),
        "destinations": lambda: float(len(services)),
        "generation": lambda: float(status.generation),
        "lists_not_told": lambda: float(bool(pods.excess) + bool(services.excess)),
        "not_in_force": lambda: float(bool(status.not_in_force)),
        "probe_ms": lambda: float(probe.took_ms),
    }
    tallies: dict[str, Callable[[], int]] = {
        "disarms": lambda: status.disarms,
        "connects": lambda: status.connects,
        "refused_lists": lambda: pods.refusals + services.refusals,
        "probe_failures": lambda: probe.failures,
    }
    for name, read in gauges.items():
        scope.gauge(name, read)
    for name, count in tallies.items():
        scope.tally(name, count)
