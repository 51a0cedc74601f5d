"""Spans as Zipkin reads them."""

import json

from noderouter.telemetry.tracing.span import Span, SpanKind
from noderouter.telemetry.tracing.zipkin import encode


def test_a_span_with_all_there_is() -> None:
    attributes = (("http.response.status_code", 503), ("client.address", "10.0.0.7"), ("client.port", 4711))
    span = Span((1, 2, 3, 4), SpanKind.SERVER, "GET", "out", (5_000_000, 9_000_000), lambda: attributes, "503")
    (shown,) = json.loads(encode([span]))
    assert shown == {
        "traceId": "00000000000000010000000000000002",
        "id": "0000000000000003",
        "parentId": "0000000000000004",
        "kind": "SERVER",
        "name": "get",
        "timestamp": 5000,
        "duration": 4000,
        "localEndpoint": {"serviceName": "out"},
        "remoteEndpoint": {"ipv4": "10.0.0.7", "port": 4711},
        "tags": {
            "http.response.status_code": "503",
            "client.address": "10.0.0.7",
            "client.port": "4711",
            "error": "503",
        },
    }


def test_a_root_of_64_bits_that_took_no_time() -> None:
    attributes = (("network.peer.address", "fd00::1"), ("network.peer.port", 80))
    (shown,) = json.loads(
        encode([Span((0, 2, 3, 0), SpanKind.CLIENT, "GET", "out", (5_000, 5_000), lambda: attributes)])
    )
    assert (shown["traceId"], shown["duration"]) == ("0000000000000002", 1)
    assert shown["remoteEndpoint"] == {"ipv6": "fd00::1", "port": 80}
    assert "parentId" not in shown
    assert "error" not in shown["tags"]


def test_text_of_strangers_stays_text() -> None:
    hostile = '"}],\r\n\x1b[31m\u2028</script>'
    (shown,) = json.loads(
        encode([Span((0, 2, 3, 0), SpanKind.SERVER, "GET", "out", (1, 2), lambda: (("url.path", hostile),))])
    )
    assert shown["tags"]["url.path"] == hostile
