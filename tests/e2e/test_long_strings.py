"""What strangers make long is short wherever it is kept: labels, rings, rows of viewers, spans, failures, log lines.

How many entries each has is bounded where it is kept; here it is how long one of them is.
"""

import json

from noderouter.proxy.client.endpoint import SHOWN as FAILED
from noderouter.telemetry.edges import NAME_BYTES
from noderouter.telemetry.recent import SHOWN
from noderouter.telemetry.record import LONG
from tests.e2e.test_live_requests import watching
from tests.testing.backend import backend, response
from tests.testing.loop import until
from tests.testing.router import ON_LOOPBACK, TRUSTING, config, inet, routing

LABEL = 320
"""Characters of a label: the beginning of a name, and its hash."""


async def test_nothing_long_is_kept_whole():
    async with backend("collector") as collector, backend() as service:

        async def take(_got):
            return response("", "202 Accepted")

        async def fail(_got):
            return response("x" * 10_000, "503 No", f"x: {'y' * 10_000}\r\n")

        collector.respond, service.respond = take, fail
        to = inet(service.port)
        wanted = [
            {"target": f"/{'p' * 15_000}?{'q' * 100}"},
            {"method": "M" * 15_000},
            {"host": "h" * 5_000},
            {"fields": [("x-name", f"/{'n' * (NAME_BYTES - 10)}")]},
            {"fields": [("x-name", "/" + "\\x01" * (NAME_BYTES - 10))]},
            {"fields": [("x-name", f"/{'n' * 2 * NAME_BYTES}")]},
            {"fields": [("x-name", "/a"), ("user-agent", "u" * 30_000), ("traceparent", "t" * 5_000)]},
            {"fields": [("x-name", "/a"), ("l5d-dtab", f"/svc => {to}/{'d' * 7_000}")]},
            {"fields": [("x-name", "/a"), ("l5d-dtab", f"/svc/a => /svc/{'e' * 3_000} ; /svc/{'e' * 3_000} => {to}")]},
            {"fields": [("x-name", "/a"), ("l5d-dtab", f"/svc => /$/inet/{'h' * 7_000}/80")]},
        ]
        telemetry = [
            {"kind": "io.l5d.recentRequests", "sampleRate": 1.0, "capacity": 100},
            {"kind": "io.l5d.tracelog", "sampleRate": 1.0},
            {"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": collector.port, "sampleRate": 1.0},
        ]
        keys = {"identifier": {"kind": "io.l5d.header", "header": "x-name"}, **TRUSTING, **ON_LOOPBACK}
        async with routing(config(f"/svc => {to}", **keys) | {"telemetry": telemetry}) as router:
            async with watching(router) as viewer:
                for each in wanted:
                    status = (await router.ask(**{"fields": [("x-name", "/a")], **each})).status
                    assert status in (400, 502, 503), each
                    record = await viewer.record()
                    assert all(len(value) <= LONG + 1 for value in record.values() if isinstance(value, str))
                    assert len(record["service"] or "") <= SHOWN + 1
                    assert len(record["client"] or "") <= SHOWN + 1
            labels = {element for sample in router.app.metrics.samples() for element in sample.path}
            assert 200 < max(map(len, labels)) <= LABEL
            for edge in router.app.worker.edges("out"):
                assert sum(map(len, edge.name.labels)) <= NAME_BYTES
            for row in router.app.control.recent:
                assert max(len(value) for value in row if isinstance(value, str)) <= SHOWN + 1
            endpoints = [endpoint for client in router.app.worker.clients("out") for endpoint in client.endpoints]
            failed = [each for endpoint in endpoints for each in endpoint.errors]
            assert failed
            assert max(len(each.request) for each in failed) <= 2 * FAILED
            await until(lambda: len(b"".join(got.body for got in collector.got).split(b'"traceId"')) > len(wanted))
        spans = [span for got in collector.got for span in json.loads(got.body)]
        assert max(len(value) for span in spans for value in (span["name"], *span["tags"].values())) == SHOWN + 1
