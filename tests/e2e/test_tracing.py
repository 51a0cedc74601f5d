"""Traces through whole routers: one over two hops, formats, sampling, flushing, and collectors that fail."""

import re
from contextlib import asynccontextmanager

import pytest
import trio

from tests.testing.backend import backend, response
from tests.testing.router import config, inet, routing
from tests.testing.spans import of_zipkin, tree

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RETRYING = {"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}}


def zipkin(port, **keys):
    return [{"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": port, "sampleRate": 1.0} | keys]


@asynccontextmanager
async def collecting():
    """A collector that takes everything."""
    async with backend("collector") as collector:

        async def take(_got):
            return response("", "202 Accepted")

        collector.respond = take
        yield collector


@asynccontextmanager
async def hops(collector_port, service_port, *, incoming=None, **keys):
    """Two routers: `out` sends everything to `in`, and tries again what fails there; `in` sends it to the service."""
    telemetry = zipkin(collector_port, **keys)
    second = config(f"/svc => {inet(service_port)}", label="in", **(incoming or {})) | {"telemetry": telemetry}
    async with routing(second) as inner:
        first = config(f"/svc => {inet(inner.port)}", label="out", service=RETRYING) | {"telemetry": telemetry}
        async with routing(first) as outer:
            yield outer


async def spans(collector, count):
    """So many spans, once the collector has got them."""
    with trio.fail_after(60):
        while len(found := of_zipkin(collector.got)) < count:
            await trio.sleep(0.02)
    return found


def failing_once(service):
    async def respond(got):
        return response("no", "503 No") if len(service.got) == 1 else response("yes")

    service.respond = respond


async def test_a_request_over_two_hops_with_a_retry_is_one_connected_trace():
    async with collecting() as collector, backend() as service, hops(collector.port, service.port) as router:
        failing_once(service)
        answer = await router.ask(target="/a?key=secret", fields=[("traceparent", CALLER), ("tracestate", "vendor=1")])
        assert answer.text == "yes"
        root = tree(await spans(collector, 7))
    once = ("in server", "503", [("in client", "503", [])])
    again = ("in server", "200", [("in client", "200", [])])
    assert root.shape() == ("out server", "200", [("out client", "503", [once]), ("out client", "200", [again])])
    assert (root.trace, root.parent) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert root.tags["noderouter.service"] == "/svc/hello"
    assert root.tags["noderouter.retries"] == "1"
    assert [each.tags.get("http.request.resend_count") for each in root.below] == [None, "1"]
    assert b"secret" not in b"".join(got.body for got in collector.got)
    for got, inner in zip(service.got, root.below, strict=True):
        (told,) = got.all("traceparent")
        assert told == f"00-{root.trace}-{inner.below[0].below[0].id}-01"
        assert got.all("tracestate") == ["vendor=1"]
        assert len(got.all("l5d-ctx-trace")) == 1


async def test_a_request_without_context_begins_a_trace_that_the_service_is_told_of():
    async with collecting() as collector, backend() as service, hops(collector.port, service.port) as router:
        await router.ask()
        root = tree(await spans(collector, 4))
        assert root.parent is None
        assert service.got[0]["traceparent"] == f"00-{root.trace}-{root.below[0].below[0].below[0].id}-03"


async def test_what_a_caller_has_decided_counts_and_the_rate_decides_the_rest():
    async with collecting() as collector, backend() as service, hops(collector.port, service.port) as router:
        for fields in ([("b3", "0")], [("l5d-sample", "0.0")], [("traceparent", CALLER[:-1] + "0")]):
            await router.ask(fields=fields)
        await router.ask(target="/seen")
        assert {each.tags["url.path"] for each in await spans(collector, 4) if "url.path" in each.tags} == {"/seen"}
        assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{16}-0-[0-9a-f]{16}", service.got[0]["b3"])


async def test_what_fails_is_recorded_though_nobody_sampled_it():
    async with collecting() as collector, backend() as service:
        async with hops(collector.port, service.port, sampleRate=0.0, failures=True) as router:
            assert (await router.ask(target="/good")).status == 200
            failing_once(service)
            service.got.clear()
            assert (await router.ask(target="/bad", method="POST")).status == 503
            root = tree(await spans(collector, 4))
    assert root.tags["url.path"] == "/bad"
    assert root.shape()[2] == [("out client", "503", [("in server", "503", [("in client", "503", [])])])]


async def test_a_service_may_have_a_rate_of_its_own():
    async with collecting() as collector, backend() as service:
        services = {"kind": "io.l5d.static", "configs": [{"prefix": "/svc/quiet", "traceSampleRate": 0.0}]}
        traced = config(f"/svc => {inet(service.port)}", service=services) | {"telemetry": zipkin(collector.port)}
        async with routing(traced) as router:
            await router.ask("quiet")
            await router.ask("loud")
            found = await spans(collector, 2)
    assert {each.tags["server.address"] for each in found} == {"loud"}


async def test_what_strangers_say_of_traces_ends_where_the_internet_begins():
    async with backend() as service:
        edge = config(f"/svc => {inet(service.port)}", servers=[{"port": 0, "clearContext": True}], trace={})
        async with routing(edge) as router:
            await router.ask(fields=[("traceparent", CALLER), ("X-B3-Flags", "1"), ("l5d-sample", "1.0")])
    (got,) = service.got
    assert got.all("traceparent") == got.all("x-b3-flags") == got.all("l5d-sample") == []
    assert len(got.all("l5d-ctx-trace")) == 1


async def test_a_router_that_takes_no_part_passes_everything_on_as_it_came():
    fields = [("TraceParent", "nonsense"), ("b3", "1"), ("X-B3-TraceId", "twice"), ("X-B3-TraceId", "twice")]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        await router.ask(fields=fields)
    head = service.got[0].head
    assert b"".join(f"{name}: {value}\r\n".encode() for name, value in fields) in head


async def test_what_was_recorded_last_is_sent_before_the_end():
    async with collecting() as collector, backend() as service:
        traced = config(f"/svc => {inet(service.port)}") | {"telemetry": zipkin(collector.port)}
        async with routing(traced) as router:
            for number in range(3):
                await router.ask(target=f"/{number}")
        assert len(of_zipkin(collector.got)) == 6


async def never_reads(stream):
    await trio.sleep_forever()


async def answers_500(stream):
    while await stream.receive_some(65536):
        await stream.send_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")


async def a_byte_a_second(stream):
    for byte in b"HTTP/1.1 200 OK\r\n" * 100:
        await stream.send_all(bytes((byte,)))
        await trio.sleep(1)


async def hangs_up(stream):
    await stream.receive_some(1)


@pytest.mark.parametrize("serve", [None, never_reads, answers_500, a_byte_a_second, hangs_up])
async def test_a_collector_that_does_not_do_its_part_costs_requests_nothing(serve, nursery):
    async def quietly(stream):
        try:
            await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        if serve is not None:
            (listener, *_) = await nursery.start(trio.serve_tcp, quietly, 0)
            port = listener.socket.getsockname()[1]
        async with backend() as service:
            traced = config(f"/svc => {inet(service.port)}") | {"telemetry": zipkin(port)}
            async with routing(traced) as router:
                (recorder,) = router.app.control.exports._recorders
                exporter = recorder.exporter
                http = await router.connect()
                with trio.fail_after(60):
                    while not (exporter._in_flight or exporter.failed or exporter.retries):
                        assert (await http.ask()).status == 200
                        await trio.sleep(0.01)
                for _ in range(50):
                    assert (await http.ask()).status == 200
                await http.close()
                metrics = await router.metrics("telemetry/io.l5d.zipkin")
                assert metrics["sent"] == 0
                assert metrics["queue"] + metrics["failed"] >= 100
            assert exporter.failed > 0
            assert len(exporter.queue) == 0
    nursery.cancel_scope.cancel()
