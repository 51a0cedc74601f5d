"""Real collectors get one connected trace of a request over two hops with a retry, by OTLP and by Zipkin's format.

And the access log, by OTLP and from a file, and what the router says of itself.
"""

import re
from pathlib import Path

import pytest
import trio
import yaml

from noderouter import app
from tests.testing.backend import backend, response
from tests.testing.collectors import attributes, collector, jaeger
from tests.testing.router import config, inet, process, routing
from tests.testing.spans import tree

LOGS = Path(__file__).parents[2] / "docs" / "logs.md"
LOGGED = "2cf7651916cd43dd8448eb211c80319c"
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


def filelog(file):
    """The receiver of docs/logs.md, for this file and sooner."""
    (block,) = re.findall(r"^```yaml\n(receivers:.*?)^```", LOGS.read_text(), re.MULTILINE | re.DOTALL)
    found = yaml.safe_load(block)["receivers"]["filelog"]
    return found | {"include": [str(file)], "poll_interval": "50ms", "start_at": "beginning"}


async def test_the_collector_has_the_access_log_by_otlp_and_by_its_filelog_receiver(tmp_path, monkeypatch):
    """Each line twice, with the same attributes, the time of the request, its trace and its span."""
    monkeypatch.setattr(app, "SWEEP_SECONDS", 0.05)
    file = tmp_path / "access.json"
    hostile = '/%1b[31m?"}{\\'
    async with collector(tmp_path, filelog(file)) as place, backend() as service:
        logs = {"kind": "io.l5d.otlpLogs", "endpoint": f"http://127.0.0.1:{place.otlp}"}
        made = config(f"/svc/hello => {inet(service.port)}", httpAccessLog=str(file), httpAccessLogFormat="json")
        made["routers"][0]["trace"] = {"propagation": ["w3c"]}
        async with routing(made | {"telemetry": [logs]}) as router:
            await router.ask(target=hostile, fields=[("traceparent", f"00-{LOGGED}-{CALLER}-01")])
            await router.ask("unknown", fields=[("traceparent", f"00-{LOGGED}-{CALLER}-01")])
        # What waited when the router ended has been flushed.
        with trio.fail_after(60):
            while len(place.logs()) < 4:
                await trio.sleep(0.05)
    told = {(each["observed"], each["path"]): each for each in map(seen, place.logs())}
    assert len(told) == 4
    for path, status, severity in ((hostile, 200, 9), ("/", 502, 17)):
        by_otlp, from_file = told[True, path], told[False, path]
        apart = int(by_otlp.pop("time")) - int(from_file.pop("time"))
        assert abs(apart) <= 1_000_000, "each writes the millisecond itself"
        assert by_otlp == from_file | {"observed": True}
        assert (by_otlp["status"], by_otlp["severity"], by_otlp["traceId"]) == (status, severity, LOGGED)


def seen(record):
    """What both ways have to say alike. Only what comes from a file is read again, and has a name of its file."""
    found = attributes(record["attributes"])
    by_otlp = "log.file.name" not in found
    keys = ("service", "path", "status", "endpoint", "attempts", "error", "source")
    alike = {key: found.get(key) for key in keys}
    own = {"time": record["timeUnixNano"], "traceId": record["traceId"], "spanId": record["spanId"]}
    return alike | own | {"observed": by_otlp, "severity": record["severityNumber"]}


async def test_the_collector_has_what_the_router_says_of_itself(tmp_path):
    """From when it listens until it drains, as standard error has it; what waits at the end is sent."""
    async with collector(tmp_path) as place, backend() as service:
        events = {"kind": "io.l5d.otlpEvents", "endpoint": f"http://127.0.0.1:{place.otlp}", "serviceName": "mesh"}
        made = config(
            f"/svc => {inet(service.port)}", interpreter={"kind": "io.l5d.fs", "dtabFile": str(tmp_path / "d")}
        )
        (tmp_path / "d").write_text("/svc => nowhere ;\n")
        async with process(made | {"telemetry": [events]}, tmp_path) as router:
            await router.until("admin.listening")
            router.process.terminate()
            assert await router.ended() == 0
            written = router.log()
        with trio.fail_after(60):
            while not any(each["eventName"] == "router.draining" for each in place.logs()):
                await trio.sleep(0.05)
        told = {each["eventName"]: each for each in place.logs()}
    assert set(told) == {each["event"] for each in written} - {"router.stopped"}
    refused = told["dtab.invalid"]
    assert (refused["severityNumber"], refused["severityText"]) == (13, "warning")
    assert refused["body"] == {"stringValue": "dtab.invalid"}
    (line,) = [each for each in written if each["event"] == "dtab.invalid"]
    assert attributes(refused["attributes"])["reason"] == line["reason"]
    assert (told["server.listening"]["severityNumber"], told["server.listening"]["severityText"]) == (9, "info")
