"""Real collectors get one connected trace of a request over two hops with a retry, by OTLP and by Zipkin's format."""

import pytest
import trio

from tests.testing.backend import backend, response
from tests.testing.collectors import collector, jaeger
from tests.testing.router import config, inet, routing
from tests.testing.spans import tree

CALLER = "b7ad6b7169203331"
SPANS = 7
"""Two server spans at the second router, one at the first, and a client span for each try of either."""


def otlp(port):
    return [{"kind": "io.l5d.otlp", "endpoint": f"http://127.0.0.1:{port}"}]


def zipkin(port):
    return [{"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": port}]


async def sent_through(telemetry, place, trace_id):
    """The trace that `place` has of a request that `out` sends twice, since `in` answers 503 at first."""
    fields = [("traceparent", f"00-{trace_id}-{CALLER}-01"), ("tracestate", "vendor=1")]
    async with backend() as service:

        async def respond(_got):
            return response("no", "503 No") if len(service.got) == 1 else response("yes")

        service.respond = respond
        second = config(f"/svc => {inet(service.port)}", label="in") | {"telemetry": telemetry}
        async with routing(second) as inner:
            retrying = {"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}}
            first = config(f"/svc => {inet(inner.port)}", label="out", service=retrying) | {"telemetry": telemetry}
            async with routing(first) as outer:
                answer = await outer.ask(target="/a", fields=fields)
                assert answer.text == "yes"
    with trio.fail_after(60):
        while len(found := await place.trace(trace_id)) < SPANS:
            await trio.sleep(0.05)
    assert len(found) == SPANS
    return tree(found)


def is_the_trace(root):
    failed = ("in server", "503", [("in client", "503", [])])
    good = ("in server", "200", [("in client", "200", [])])
    assert root.shape() == ("out server", "200", [("out client", "503", [failed]), ("out client", "200", [good])])
    assert root.parent == CALLER
    first, second = root.below
    assert first.ended <= second.began + 1
    assert root.tags["noderouter.service"] == "/svc/hello"
    assert second.tags["http.request.resend_count"] == "1"


pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")


async def test_jaeger_by_both_formats(tmp_path):
    async with jaeger(tmp_path) as place:
        is_the_trace(await sent_through(otlp(place.otlp), place, "0af7651916cd43dd8448eb211c80319c"))
        is_the_trace(await sent_through(zipkin(place.zipkin), place, "1bf7651916cd43dd8448eb211c80319c"))


async def test_opentelemetrys_collector(tmp_path):
    async with collector(tmp_path) as place:
        is_the_trace(await sent_through(otlp(place.otlp), place, "0af7651916cd43dd8448eb211c80319c"))
        (state,) = {
            span["traceState"]
            for request in place.requests()
            for of_resource in request["resourceSpans"]
            for scope in of_resource["scopeSpans"]
            for span in scope["spans"]
        }
    assert state == "vendor=1"
