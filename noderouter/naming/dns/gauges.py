"""The metrics of DNS, below `dns/`; one resolver serves all routers of the process."""

from noderouter.naming.dns.resolver import Resolver
from noderouter.telemetry.tree import Scope


def dns_gauges(scope: Scope, resolver: Resolver) -> None:
    """Register the metrics of names and queries; `scope` is `dns`."""
    counts, slots = resolver.counts, resolver.slots
    scope.tally("queries", lambda: counts.queries)
    scope.tally("failures", lambda: counts.failures)
    scope.tally("timeouts", lambda: counts.timeouts)
    scope.tally("refused", lambda: counts.refused)
    scope.tally("evicts", lambda: resolver.evicts)
    scope.gauge("size", lambda: len(resolver))
    scope.gauge("in_flight", lambda: slots.in_flight)
    scope.gauge("waiting", lambda: slots.waiting)
