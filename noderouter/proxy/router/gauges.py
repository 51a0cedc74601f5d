"""The gauges and counters of names and clients, under Linkerd's names (docs/linkerd1.md section 6.2).

What the hot path counts are plain ints in the parts; here they get their place in the tree of metrics, where they are
read when somebody looks.
"""

from collections.abc import Mapping
from functools import partial
from time import monotonic

from noderouter.core.addr import Address
from noderouter.proxy.access_log.file import AccessLogFile
from noderouter.proxy.client.client import Client
from noderouter.proxy.client.destination_policy import DestinationPolicy
from noderouter.proxy.client.endpoint import Endpoint
from noderouter.proxy.client.endpoint_limits import EndpointLimits
from noderouter.proxy.filter.overrides import OverrideRules
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http2.frames import FLOODS, GOAWAYS_RECEIVED, GOAWAYS_SENT, RESETS_RECEIVED, RESETS_SENT
from noderouter.proxy.limit.gate import Gate
from noderouter.proxy.limit.queue import Queue
from noderouter.proxy.limit.rates import Rates
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.proxy.retry.filter import RetryStats
from noderouter.proxy.retry.held import Releases
from noderouter.proxy.router.router import Router
from noderouter.telemetry.edges import Edges
from noderouter.telemetry.streams import StreamStats
from noderouter.telemetry.tree import Scope


def server_gauges(scope: Scope, stats: ServerStats) -> None:
    """Connections of a server."""
    requests = scope.requests()
    scope.gauge("load", lambda: requests.pending)  # the old name of `pending`, for Linkerd's dashboard
    scope.tally("connects", lambda: stats.connects)
    scope.tally("closes", lambda: stats.closes)
    scope.gauge("connections", lambda: stats.connections)
    scope.tally("received_bytes", lambda: stats.received_bytes)
    scope.tally("sent_bytes", lambda: stats.sent_bytes)
    scope.tally("protocol_errors", lambda: stats.protocol_errors)
    scope.tally("idle_closes", lambda: stats.idle_closes)
    scope.tally("lifetime_closes", lambda: stats.lifetime_closes)
    scope.tally("stalls", lambda: stats.stalls)


def server_stream_gauges(scope: Scope, stats: StreamStats) -> None:
    """Streams of a server; what is seldom is there from the start, with 0: else `rate()` would not see the first."""
    stream_gauges(scope, stats)
    for name in (*RESETS_RECEIVED, *RESETS_SENT, GOAWAYS_RECEIVED, GOAWAYS_SENT, *FLOODS):
        scope.counter(name)


def stream_gauges(scope: Scope, stats: StreamStats) -> None:
    """Streams of a server or client."""
    scope.gauge("open_streams", lambda: stats.open)
    scope.tally("streams/begun", lambda: stats.begun)
    scope.tally("stream_success", lambda: stats.ended - stats.failures)
    scope.tally("stream_failures", lambda: stats.failures)
    stats.make = scope.counter


def router_gauges(scope: Scope, router: Router) -> None:
    """The caches of a router."""
    names, clients = router.names, router.clients
    scope.tally("bindcache/path/misses", lambda: names.misses)
    scope.tally("bindcache/path/evicts", lambda: names.evicts)
    scope.tally("bindcache/path/expires", lambda: names.expires)
    scope.tally("bindcache/path/oneshots", lambda: names.oneshots)
    scope.gauge("bindcache/path/size", lambda: len(names))
    overrides = router.overrides
    scope.tally("bindcache/override/misses", lambda: overrides.misses)
    scope.tally("bindcache/override/evicts", lambda: overrides.evicts)
    scope.tally("bindcache/override/expires", lambda: overrides.expires)
    scope.tally("bindcache/override/oneshots", lambda: overrides.oneshots)
    scope.gauge("bindcache/override/size", lambda: len(overrides))
    scope.gauge("bindcache/override/clients", lambda: clients.passing)
    scope.tally("bindcache/override/refused", lambda: clients.refused)
    scope.tally("bindcache/client/misses", lambda: clients.misses)
    scope.tally("bindcache/client/evicts", lambda: clients.evicts)
    scope.tally("bindcache/client/expires", lambda: clients.expires)
    scope.gauge("bindcache/client/size", lambda: len(clients))


def edge_gauges(scope: Scope, edges: Edges) -> None:
    """Who calls whom: how many pairs are told apart, and how many were not."""
    scope.gauge("edges/size", lambda: len(edges))
    scope.tally("edges/overflow", lambda: edges.overflow)


def access_log_gauges(scope: Scope, log: AccessLogFile) -> None:
    """Lines of an access log."""
    scope.tally("written", lambda: log.written)
    scope.tally("dropped", lambda: log.dropped)
    scope.gauge("queued_bytes", lambda: log.queued_bytes)


def refusal_gauges(scope: Scope, policy: DestinationPolicy, overrides: OverrideRules) -> None:
    """What requests wanted and were not given."""
    for reason in policy.refused:
        scope.tally(f"destinations/refused/{reason}", partial(policy.refused.__getitem__, reason))
    scope.tally("overrides/refused", lambda: overrides.stats.refused)


def service_gauges(scope: Scope, stats: RetryStats, budget: RetryBudget) -> None:
    """Retries of a logical name."""
    scope.tally("retries/total", lambda: stats.total)
    scope.gauge("retries/budget", lambda: budget.balance(monotonic()))
    scope.tally("retries/budget_exhausted", lambda: stats.budget_exhausted)
    stats.make = scope.counter


def gate_gauges(scope: Scope, gate: Gate) -> None:
    """The limit of a logical name on concurrent requests."""
    scope.gauge("concurrency/limit", lambda: gate.limit)
    scope.gauge("concurrency/active", lambda: gate.active)
    queue_gauges(scope, gate.queue)


def queue_gauges(scope: Scope, queue: Queue) -> None:
    """Those who wait within a limit on concurrent requests, and those who are refused."""
    scope.gauge("concurrency/waiting", lambda: len(queue))
    scope.tally("concurrency/waited", lambda: queue.waited)
    scope.tally("concurrency/refused", lambda: queue.refused)
    scope.tally("concurrency/timed_out", lambda: queue.timed_out)


def rate_gauges(scope: Scope, rates: Rates) -> None:
    """The limits of a router on rates, as they come and go."""
    shown: set[str] = set()

    def follow() -> None:
        for name in shown - rates.limits.keys():
            scope.scope("limit", name).prune()
        for name in rates.limits.keys() - shown:
            limit_gauges(scope.scope("limit", name), rates, name)
        shown.clear()
        shown.update(rates.limits)

    rates.on_change = follow
    follow()


def limit_gauges(scope: Scope, rates: Rates, name: str) -> None:
    """One limit, whose buckets may be others after an edit."""
    scope.tally("allowed", lambda: rates.limits[name].allowed)
    scope.tally("refused", lambda: rates.limits[name].refused)
    scope.gauge("sources", lambda: len(rates.limits[name].arrivals))
    scope.tally("shared", lambda: rates.limits[name].arrivals.shared)


def limits_gauges(scope: Scope, limits: EndpointLimits, endpoints: Mapping[Address, Endpoint]) -> None:
    """The limits of a client's endpoints on concurrent requests."""
    scope.gauge("concurrency/limit", lambda: sum(each.limit for each in endpoints.values()))
    scope.gauge("concurrency/active", lambda: sum(each.instance.taken for each in endpoints.values()))
    queue_gauges(scope, limits.queue)


def held_gauges(scope: Scope, releases: Releases) -> None:
    """Responses of a logical name that are held back until they are judged."""
    scope.gauge("retries/held", lambda: len(releases))
    scope.tally("retries/classification_timeout", lambda: releases.timed_out)
    scope.tally("retries/request_stream_too_long", lambda: releases.requests_too_long)
    scope.tally("retries/response_stream_too_long", lambda: releases.too_long)


def client_gauges(scope: Scope, client: Client) -> None:
    """Connections, balancing, requeues and ejections of a client."""
    pools = client.pool_stats
    balancer = client.balancer
    scope.tally("connects", lambda: pools.connects)
    scope.tally("closes", lambda: pools.closes)
    scope.gauge("connections", lambda: pools.connections)
    scope.tally("connect_failures", lambda: pools.connect_failures)
    pools.make = scope.histogram
    pools.on_streams = partial(stream_gauges, scope)
    scope.tally("cancelled_connects", lambda: pools.cancelled_connects)
    scope.tally("received_bytes", lambda: pools.received_bytes)
    scope.tally("sent_bytes", lambda: pools.sent_bytes)
    for name in ("pool_size", "pool_cached"):
        scope.gauge(name, lambda: sum(each.pool.free for each in client.endpoints.values()))
    scope.gauge("pool_waiters", lambda: pools.waiters)
    scope.tally("pool_num_waited", lambda: pools.waited)
    scope.tally("pool_num_too_many_waiters", lambda: pools.too_many_waiters)
    scope.gauge("available", lambda: min(1, _available(client)))
    scope.tally("stalls", lambda: client.stalls)
    scope.gauge("fail_fast/down", lambda: client.down)
    scope.tally("retries/requeues", lambda: client.requeues)
    scope.tally("retries/request_limit", lambda: client.request_limit)
    scope.tally("retries/budget_exhausted", lambda: client.budget_exhausted)
    scope.tally("retries/cannot_retry", lambda: client.cannot_retry)
    scope.tally("retries/not_open", lambda: client.not_open)
    scope.gauge("retries/budget", lambda: client.budget.balance(monotonic()))
    if client.limits is not None:
        limits_gauges(scope, client.limits, client.endpoints)
    scope.gauge("loadbalancer/size", lambda: len(client.endpoints))
    scope.gauge("loadbalancer/available", lambda: _available(client))
    scope.gauge("loadbalancer/closed", lambda: len(client.endpoints) - _available(client))
    scope.gauge("loadbalancer/load", lambda: sum(each.pending for each in client.endpoints.values()))
    scope.tally("loadbalancer/adds", lambda: balancer.adds)
    scope.tally("loadbalancer/removes", lambda: balancer.removes)
    scope.tally("loadbalancer/updates", lambda: client.updates)
    scope.tally("loadbalancer/max_effort_exhausted", lambda: balancer.efforts_exhausted)
    scope.tally("failure_accrual/removals", lambda: balancer.accrual_counts.removals)
    scope.tally("failure_accrual/revivals", lambda: balancer.accrual_counts.revivals)
    scope.tally("failure_accrual/probes", lambda: balancer.accrual_counts.probes)
    scope.tally("failure_accrual/removed_for_ms", lambda: balancer.accrual_counts.removed_for_ms)


def _available(client: Client) -> int:
    now = monotonic()
    return sum(each.available(now) for each in client.endpoints.values())
