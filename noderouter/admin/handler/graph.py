"""`/graph`: who calls whom through this router, as JSON or as a graph for Graphviz."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from noderouter.admin.edges import Link, edges
from noderouter.admin.message import JSON, Request, Response, text
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import json_text, lines

DOT: Final = "text/vnd.graphviz; charset=utf-8"


async def graph(state: AdminState, request: Request) -> Response:
    """Answer the edges of all routers; as DOT with `?format=dot`, or where `Accept` asks for `text/vnd.graphviz`."""
    accept = request.headers.get("accept", "")
    format = request.query.get("format", "dot" if "text/vnd.graphviz" in accept.lower() else "json")
    if format not in ("json", "dot"):
        return text(f"the format {format} is not known; there are json and dot\n", 400)

    async def make() -> Response:
        found = await edges(state)
        if format == "dot":
            return Response(200, await lines(dot(found)), DOT)
        shown = {"latency_is": "the service's, whoever asks", "edges": [as_object(link) for link in found]}
        return Response(200, await json_text(shown), JSON)

    return await state.answers.get(("graph", format), make)


def as_object(link: Link) -> dict[str, Any]:
    """Return an edge ready for JSON; rates are per second, and latencies milliseconds."""
    latency = link.latency
    return {
        "router": link.router,
        "source": link.source,
        "namespace": link.namespace,
        "workload": link.workload,
        "addresses": sorted(link.addresses),
        "service": link.service,
        "requests": link.requests,
        "failures": link.failures,
        "rate": round(link.rate, 3),
        "success": None if link.success is None else round(link.success, 4),
        "service_latency_ms": {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99},
    }


def dot(links: Iterable[Link]) -> Iterator[str]:
    """Yield the lines of a graph: services are boxes; an edge says its rate, and its success where that is not 1."""
    yield "digraph noderouter {"
    yield "  rankdir=LR;"
    services: set[str] = set()
    for link in links:
        source, service = _quoted(link.source), _quoted(f"{link.router} {link.service}")
        if service not in services:
            services.add(service)
            yield f"  {service} [shape=box, label={_quoted(link.service)}];"
        words = f"{link.rate:.3g}/s"
        if link.success is not None and link.success < 1:
            words += f" {link.success:.1%}"
        yield f"  {source} -> {service} [label={_quoted(words)}];"
    yield "}"


def _quoted(words: str) -> str:
    """Return an identifier of DOT; a backslash and a quote would end it, or begin an escape."""
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
