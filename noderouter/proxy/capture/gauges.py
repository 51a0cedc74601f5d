"""The counters of captured connections, below the server that they came in at."""

from functools import partial

from noderouter.proxy.capture.connection import CaptureStats
from noderouter.proxy.capture.detect import WireProtocol
from noderouter.telemetry.tree import Scope


def capture_gauges(scope: Scope, stats: CaptureStats) -> None:
    """Captured connections of a server."""
    for protocol in WireProtocol:
        scope.tally(f"captured/{protocol.value.replace('/', '')}", partial(stats.kinds.__getitem__, protocol))
    scope.tally("captured/detect_timeouts", lambda: stats.detect_timeouts)
    scope.tally("captured/refused", lambda: stats.refused)
    scope.tally("captured/probes", lambda: stats.probes)
    scope.gauge("flow/connections", lambda: stats.flows)
    scope.tally("flow/broken", lambda: stats.broken)
    scope.tally("flow/received_bytes", lambda: stats.received_bytes)
    scope.tally("flow/sent_bytes", lambda: stats.sent_bytes)
