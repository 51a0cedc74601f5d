"""From the tree to the text of `/metrics`, in steps between which requests are carried on.

Series that have left are counted together (`noderouter_gone_*`), by router: the sum over a family and what is gone of
it never goes back. They are families of their own, not part of the series `other` (which has what found no place): a
series that takes over at once what another one has counted in hours would look like as many requests in one scrape.
"""

from collections.abc import Iterator
from typing import Final

from noderouter import __version__, _compiled
from noderouter.core.background import Pace
from noderouter.telemetry.gone import Gone
from noderouter.telemetry.histogram import LATENCY, Histogram
from noderouter.telemetry.metrics import Counter, Gauge, RequestStats
from noderouter.telemetry.openmetrics.catalogue import (
    BUILD,
    GONE_FAILURES,
    GONE_REQUESTS,
    REQUESTS,
    ROOTS,
    Node,
    Requests,
)
from noderouter.telemetry.openmetrics.family import Family
from noderouter.telemetry.openmetrics.writer import Format, Writer, joined, label
from noderouter.telemetry.standard import standard
from noderouter.telemetry.tree import MetricsTree, Scope

ALWAYS: Final = ("2xx", "3xx", "4xx", "5xx", "error")
"""Classes that every series of requests has from the start: a `rate()` does not see what begins with 1."""


async def exposition(tree: MetricsTree, format: Format) -> tuple[bytes, ...]:
    """Return the text for one scrape, in portions."""
    pace = Pace()
    writer = Writer(format)
    for _ in written(tree, writer):
        if pace.due():
            await pace.rest()
    portions = []
    for portion in writer.portions():
        portions.append(portion)
        if pace.due():
            await pace.rest()
    return tuple(portions)


def written(tree: MetricsTree, writer: Writer) -> Iterator[None]:
    """Write everything there is; yield after each small piece."""
    compiled = "yes" if _compiled.compiled() else "no"
    writer.add(BUILD, joined(label("version", __version__), label("compiled", compiled)), 1)
    for name, scope in tree.children:
        if name != "rt":
            node = ROOTS["process"].child(name)
            if node is not None:
                yield from _plain(writer, scope, node, "")
            continue
        for router, below in scope.children:
            yield from _router(writer, below, label("router", router))
    for family, labels, value in standard():
        writer.add(family, joined(*(label(*pair) for pair in labels.items())), value)
    yield


def _router(writer: Writer, router: Scope, labels: str) -> Iterator[None]:
    for name, scope in router.children:
        match name:
            case "server":
                for address, server in scope.children:
                    yield from _stack(writer, server, "server", joined(labels, label("server", address)))
            case "service":
                _gone(writer, scope.gone or Gone(), joined(labels, label("of", "service")))
                for service, below in scope.children:  # in the same step, so that none is counted twice or missed
                    yield from _stack(writer, below, "service", joined(labels, label("service", service)))
            case "client":
                yield from _clients(writer, scope, labels)
            case _:
                node = ROOTS["router"].child(name)
                if node is not None:
                    yield from _plain(writer, scope, node, labels)


def _clients(writer: Writer, clients: Scope, router: str) -> Iterator[None]:
    """Write the clients and their pairs.

    First all are looked up, as they are at the end of that: what had left by then is gone, and what leaves while the
    others are written is written all the same.
    """
    found: list[tuple[str, Scope, tuple[Scope, ...], Gone | None]] = []
    for name, client in clients.children:
        below = client.child("service")
        pairs = () if below is None else tuple([pair for _, pair in below.children])
        found.append((name, client, pairs, _left(client)))
        yield
    whole = Gone()
    if clients.gone is not None:
        whole.merge(clients.gone)
    found = [each for each in found if clients.child(each[0]) is each[1]]
    for _, _, _, left in found:  # as they were: what changes from here on changes none of these
        if left is not None:
            whole.merge(left)
            yield
    _gone(writer, whole, joined(router, label("of", "client")))
    yield
    for name, client, pairs, _ in found:
        shown = label("client", name)
        for pair in pairs:
            if pair.stats is not None:
                _requests(writer, REQUESTS["pair"], pair.stats, joined(router, label("service", pair.name), shown))
            yield
        yield from _plain(writer, client, ROOTS["client"], joined(router, shown))


def _left(client: Scope) -> Gone | None:
    """Return what a client had of pairs that have left; None where that is nothing, as mostly."""
    gone = Gone()
    for stats in (client.retired, client.stats):
        if stats is not None:
            gone.add(stats)
    return gone if gone.classes else None


def _stack(writer: Writer, scope: Scope, place: str, labels: str) -> Iterator[None]:
    """Write a server or a service, with the flows of a server that has some."""
    if scope.stats is not None:
        _requests(writer, REQUESTS[place], scope.stats, labels)
        yield
    flow = scope.child("flow")
    if flow is not None and flow.stats is not None and flow.stats.requests:
        _requests(writer, REQUESTS["flow"], flow.stats, labels)
    yield from _plain(writer, scope, ROOTS[place], labels)


def _plain(writer: Writer, scope: Scope, node: Node, labels: str) -> Iterator[None]:
    """Write the metric of a place and those below it, as far as they have a family."""
    if node.label:
        labels = joined(labels, label(node.label, scope.name))
    if scope.metric is not None and node.family is not None:
        _metric(writer, scope.metric, node.family, node.factor, labels)
        yield
    for name, below in scope.children if node.deep else ():
        found = node.child(name)
        if found is None:
            continue
        if found.deep or found.label:
            yield from _plain(writer, below, found, labels)
        elif below.metric is not None and found.family is not None:  # as most are: there is nothing below them
            _metric(writer, below.metric, found.family, found.factor, labels)
            yield


def _metric(writer: Writer, metric: Counter | Gauge | Histogram, family: Family, factor: float, labels: str) -> None:
    if isinstance(metric, Histogram):
        writer.histogram(family, labels, metric.scale, metric.totals(), metric.total_sum)
    else:
        value = metric.value if isinstance(metric, Counter) else metric.read()
        writer.add(family, labels, value if factor == 1.0 else value * factor)


def _requests(writer: Writer, families: Requests, stats: RequestStats, labels: str) -> None:
    _classes(writer, families.requests, stats.status_classes(), labels)
    writer.add(families.failures, labels, stats.failures)
    writer.add(families.in_flight, labels, stats.pending)
    writer.histogram(families.duration, labels, LATENCY, stats.totals(), stats.total_seconds(), stats.exemplars)
    if families.errors is not None:
        for name, count in list(stats.exceptions.items()):
            writer.add(families.errors, joined(labels, label("error", name)), count)


def _classes(writer: Writer, family: Family, classes: dict[str, int], labels: str) -> None:
    for name in ALWAYS:
        writer.add(family, joined(labels, label("status_class", name)), classes.pop(name, 0))
    for name, count in classes.items():
        writer.add(family, joined(labels, label("status_class", name)), count)


def _gone(writer: Writer, gone: Gone, labels: str) -> None:
    _classes(writer, GONE_REQUESTS, dict(gone.classes), labels)
    writer.add(GONE_FAILURES, labels, gone.failures)
