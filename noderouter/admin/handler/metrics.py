"""Metrics in JSON and for Prometheus (docs/linkerd1.md sections 6.3 and 6.4), for InfluxDB, and as OpenMetrics."""

import json
from collections.abc import Awaitable, Callable, Iterable

import trio

from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.state import AdminState
from noderouter.telemetry.influxdb import line_protocol
from noderouter.telemetry.json import NoSuchSubtree, flat, nested, select
from noderouter.telemetry.openmetrics.writer import Format, accepted
from noderouter.telemetry.sample import Sample
from noderouter.telemetry.tree import MetricsTree


async def metrics_json(state: AdminState, request: Request) -> Response:
    """Answer the tree or, with `q`, a part of it: flat, or nested with `tree`; indented and sorted with `pretty`."""
    query, tree, pretty = request.query.get("q"), request.flag("tree"), request.flag("pretty")

    async def make() -> Response:
        try:
            samples = select(state.metrics, query)
        except NoSuchSubtree:
            return Response(404, json.dumps({"error": f"No such subtree: {query}"}).encode(), JSON)
        write = nested if tree else flat
        return Response(200, await write(samples, pretty=pretty), JSON)

    return await state.answers.get(("metrics.json", query, tree, pretty), make)


async def prometheus(prefix: str, state: AdminState, _request: Request) -> Response:
    """Answer the text exposition; the first scrape imports what writes it, in a thread, since that takes a while."""

    async def make() -> Response:
        content_type, exposition = await trio.to_thread.run_sync(_exposition)
        return Response(200, await exposition(state.metrics.samples(), prefix), content_type)

    return await state.answers.get(("prometheus", prefix), make)


async def openmetrics(state: AdminState, request: Request) -> Response:
    """Answer `/metrics`, in the format that `Accept` prefers; what writes it is imported as for `prometheus`."""
    format = accepted(request.headers.get("accept", ""))

    async def make() -> Response:
        write = await trio.to_thread.run_sync(_openmetrics)
        return Response(200, await write(state.metrics, format), format.value, (("vary", "accept"),))

    return await state.answers.get(("openmetrics", format), make)


async def influxdb(state: AdminState, request: Request) -> Response:
    """Answer the line protocol; every line has the host that was asked for, by which a reader tells nodes apart."""
    host = request.headers.get("host", "none")

    async def make() -> Response:
        return Response(200, await line_protocol(state.metrics.samples(), host))

    return await state.answers.get(("influxdb", host), make)


def _openmetrics() -> Callable[[MetricsTree, Format], Awaitable[tuple[bytes, ...]]]:
    from noderouter.telemetry.openmetrics.exposition import exposition

    return exposition


def _exposition() -> tuple[str, Callable[[Iterable[Sample], str], Awaitable[tuple[bytes, ...]]]]:
    from noderouter.telemetry import prometheus

    return prometheus.CONTENT_TYPE, prometheus.exposition
