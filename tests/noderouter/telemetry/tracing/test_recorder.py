"""What is recorded of an exchange, and of which.

Covers `attributes.py`.
"""

from typing import Any

import pytest

from dtab import Dtab, Path
from noderouter.core.addr import Address
from noderouter.core.context import Context, Trace
from noderouter.core.errors import ConnectError
from noderouter.core.exchange import FAILURE, SUCCESS, Exchange
from noderouter.core.grpc import Status
from noderouter.core.headers import Headers
from noderouter.core.journey import Attempt
from noderouter.core.message import HTTP_2, Response
from noderouter.core.propagation.sampler import Sampler
from noderouter.core.trace_context import SAMPLED, SAMPLING_KNOWN, start
from noderouter.telemetry.recent import CUT, SHOWN
from noderouter.telemetry.tracing.attributes import split_authority
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.post import Collector
from noderouter.telemetry.tracing.queue import SpanQueue
from noderouter.telemetry.tracing.recorder import OFFSET_SECONDS, SpanRecorder, WallClock
from noderouter.telemetry.tracing.span import Span, SpanKind
from tests.testing.reply import make_exchange, recorded

SPAN = Trace(2, 5, 4, SAMPLING_KNOWN | SAMPLED, 1, b"a=b")
BEGAN = 1_000_000_000_000


class Endpoint:
    address = Address("10.1.0.1", 8080)


def recorder(*, failures: bool = False, rate: float = 1.0) -> SpanRecorder:
    exporter = SpanExporter("test", SpanQueue(), lambda: lambda _spans: b"", Collector("http://x/", "", {}))
    return SpanRecorder(Sampler(rate, failures), exporter, WallClock(lambda: BEGAN, lambda: 0.0))


def exchange(status: int = 200, **keys: Any) -> Exchange:
    block = b"User-Agent: curl/8\r\nAuthorization: Bearer secret\r\n"
    made = make_exchange(**({"target": b"/a?token=secret", "authority": b"hello:81", "block": block} | keys))
    recorded(made).comes(("10.0.0.7", 4711))
    made.started, made.done_at = 1.0, 3.0
    made.name, made.client_id, made.endpoint = Path.of("svc", "hello"), Path.of("#", "x"), Endpoint()
    made.response = Response(status, b"", Headers(b""), 0)
    made.verdict = SUCCESS if status < 500 else FAILURE
    made.context = Context(trace=Trace(2, 4, 0, SPAN.flags, 1), span=SPAN)
    return made


def attempt(began: float, ended: float, status: int = 0, error: str | None = None, span_id: int = 6) -> Attempt:
    made = Attempt(Path.of("#", "x"), Address("10.1.0.1", 8080), began)
    made.ended, made.status, made.error, made.span_id = ended, status, error, span_id
    return made


def ended(what: Exchange, error: BaseException | None = None, trace: Trace = SPAN, **keys: Any) -> list[Span]:
    made = recorder(**keys)
    made.ended(what, "out", trace, error)
    return made.queue.take(100)


def test_a_request_is_a_server_span_by_the_conventions_of_http() -> None:
    (span,) = ended(exchange())
    assert (span.kind, span.name, span.router, span.error, span.state) == (SpanKind.SERVER, "GET", "out", None, b"a=b")
    assert (span.trace_id_high, span.trace_id, span.span_id, span.parent_id, span.remote) == (1, 2, 5, 4, True)
    assert (span.started_ns - BEGAN, span.ended_ns - BEGAN) == (1_000_000_000, 3_000_000_000)
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "server.address": "hello",
        "server.port": 81,
        "url.scheme": "http",
        "url.path": "/a",
        "client.address": "10.0.0.7",
        "client.port": 4711,
        "network.protocol.version": "1.1",
        "user_agent.original": "curl/8",
        "http.response.status_code": 200,
        "noderouter.router": "out",
        "noderouter.service": "/svc/hello",
        "noderouter.client": "/#/x",
    }


CALL: dict[str, Any] = {
    "target": b"/books.Library/Find?x=1",
    "method": b"POST",
    "block": b"content-type: application/grpc\r\n",
    "version": HTTP_2,
}


@pytest.mark.parametrize(
    ("code", "at_server", "at_client"), [(0, None, None), (5, None, "NOT_FOUND"), (14, "UNAVAILABLE", "UNAVAILABLE")]
)
def test_a_call_has_the_attributes_of_rpc(code: int, at_server: str | None, at_client: str | None) -> None:
    what = exchange(**CALL)
    assert what.response is not None
    what.response.trailers = Headers(b"grpc-status: %d\r\n" % code)
    what.journey = [attempt(1.1, 1.5, 200)]
    what.journey[0].grpc = Status(code)
    for span, error in zip(ended(what), (at_server, at_client), strict=True):
        found = dict(span.attributes)
        assert {key: found[key] for key in found if key.startswith("rpc.")} == {
            "rpc.system": "grpc",
            "rpc.service": "books.Library",
            "rpc.method": "Find",
            "rpc.grpc.status_code": code,
        }
        assert (span.name, span.error, found.get("error.type")) == ("POST", error, error)
    assert dict(ended(what)[0].attributes)["network.protocol.version"] == "2"


def test_a_call_that_failed_in_the_router_has_the_status_that_was_told() -> None:
    what = exchange(**CALL)
    what.response = None
    (span,) = ended(what, ConnectError("no"))
    found = dict(span.attributes)
    assert (span.error, found["error.type"], found["rpc.grpc.status_code"]) == ("ConnectError", "ConnectError", 14)


def test_a_call_that_says_no_status_has_none() -> None:
    (span,) = ended(exchange(**CALL))
    assert "rpc.grpc.status_code" not in dict(span.attributes)


def test_each_attempt_is_a_client_span_below_it() -> None:
    what = exchange()
    failed, answered = attempt(1.1, 1.5, error="ConnectError"), attempt(1.5, 2.9, 404, span_id=7)
    answered.connected = 1.75
    what.journey, what.attempts = [failed, answered], 2
    server, one, other = ended(what)
    assert dict(server.attributes)["noderouter.retries"] == 1
    assert [(each.kind, each.parent_id, each.span_id) for each in (one, other)] == [
        (SpanKind.CLIENT, 5, 6),
        (SpanKind.CLIENT, 5, 7),
    ]
    assert [(each.started_ns - BEGAN, each.ended_ns - BEGAN) for each in (one, other)] == [
        (1_100_000_000, 1_500_000_000),
        (1_500_000_000, 2_900_000_000),
    ]
    assert (one.error, other.error) == ("ConnectError", "404")
    assert dict(one.attributes) == {
        "http.request.method": "GET",
        "server.address": "hello",
        "server.port": 81,
        "url.full": "http://hello:81/a",
        "network.peer.address": "10.1.0.1",
        "network.peer.port": 8080,
        "error.type": "ConnectError",
        "noderouter.router": "out",
        "noderouter.client": "/#/x",
    }
    found = dict(other.attributes)
    assert (found["http.request.resend_count"], found["http.response.status_code"]) == (1, 404)
    assert (found["error.type"], found["noderouter.connect_us"]) == ("404", 250_000)


def test_a_journey_that_others_keep_has_no_spans() -> None:
    what = exchange()
    what.journey = [attempt(1.0, 2.0, 200, span_id=0)]
    assert len(ended(what)) == 1


@pytest.mark.parametrize(("status", "error"), [(404, None), (500, "500"), (503, "503")])
def test_what_is_the_clients_fault_is_no_error_of_a_server(status: int, error: str | None) -> None:
    (span,) = ended(exchange(status))
    assert span.error == error
    assert dict(span.attributes).get("error.type") == error


def test_what_had_no_response_says_why() -> None:
    what = exchange()
    what.response, what.done_at = None, 0.0
    (span,) = ended(what, ConnectError("no"))
    assert (span.error, dict(span.attributes)["error.type"]) == ("ConnectError", "ConnectError")
    assert "http.response.status_code" not in dict(span.attributes)


def test_what_strangers_send_is_cut_and_names_no_span() -> None:
    what = exchange(method=b"BREW", target=b"/" + b"x" * 999, authority=b"h" * 999)
    what.context = Context(span=SPAN, local=Dtab.parse("/svc => /" + "x" * 999))
    (span,) = ended(what)
    found = dict(span.attributes)
    assert (span.name, found["http.request.method"], found["http.request.method_original"]) == (
        "HTTP",
        "_OTHER",
        "BREW",
    )
    for key in ("url.path", "server.address", "noderouter.dtab.override"):
        assert len(str(found[key])) == SHOWN + len(CUT)


def test_nothing_secret_is_recorded() -> None:
    what = exchange(status=503)
    what.journey = [attempt(1.0, 2.0, 503)]
    assert "secret" not in repr([span.attributes for span in ended(what)])


def test_a_flow_is_one_span() -> None:
    what = exchange(method=b"CONNECT", target=b"10.2.0.1:5432", authority=b"db.example")
    what.scheme, what.response = b"tls", None
    what.journey = [attempt(1.0, 2.0)]
    recorded(what).sent_bytes = 7
    (span,) = ended(what, ConnectError("no"))
    assert (span.kind, span.name, span.error) == (SpanKind.CLIENT, "flow", "ConnectError")
    found = dict(span.attributes)
    assert (found["network.transport"], found["server.address"], found["server.port"]) == ("tcp", "10.2.0.1", 5432)
    assert (found["network.peer.address"], found["tls.server_name"]) == ("10.1.0.1", "db.example")
    assert (found["noderouter.sent_bytes"], found["noderouter.service"]) == (7, "/svc/hello")


def test_what_ended_before_it_had_a_span_is_a_root() -> None:
    what = exchange(400)
    what.context = None
    (span,) = ended(what, trace=start())
    assert (span.parent_id, span.remote) == (0, False)


@pytest.mark.parametrize(
    ("status", "error", "flags", "count"),
    [
        (200, None, 0, 0),
        (200, None, SAMPLED, 1),
        (404, None, 0, 0),
        (503, None, 0, 1),
        (200, ConnectError("no"), 0, 1),
    ],
)
def test_what_fails_is_kept_though_nobody_sampled_it(
    status: int, error: BaseException | None, flags: int, count: int
) -> None:
    what = exchange(status)
    span = Trace(2, 5, 4, SAMPLING_KNOWN | flags)
    what.context = Context(trace=Trace(2, 4, 0, SAMPLING_KNOWN | flags), span=span)
    assert len(ended(what, error, span, failures=True, rate=0.0)) == count


def test_who_is_shown_what() -> None:
    sampled, failing = recorder(rate=0.25), recorder(rate=0.25, failures=True)
    assert (sampled.limit, sampled.heeds) == (1 << 62, True)
    assert (failing.limit, failing.heeds) == (1 << 64, False)


def test_the_wall_clock_is_read_once_a_minute() -> None:
    wall, steady = [5_000_000_000], [1.0]
    clock = WallClock(lambda: wall[0], lambda: steady[0])
    assert clock.ns(clock.now()) == 5_000_000_000
    wall[0], steady[0] = 99_000_000_000, 2.0
    assert clock.ns(clock.now()) == 6_000_000_000
    steady[0] += OFFSET_SECONDS
    assert clock.ns(clock.now()) == 99_000_000_000


@pytest.mark.parametrize(
    ("authority", "found"),
    [
        ("hello", ("hello", None)),
        ("hello:80", ("hello", 80)),
        ("[fd00::1]", ("fd00::1", None)),
        ("[fd00::1]:80", ("fd00::1", 80)),
        ("a:b", ("a:b", None)),
        ("", ("", None)),
    ],
)
def test_an_authority_has_a_host_and_perhaps_a_port(authority: str, found: tuple[str, int | None]) -> None:
    assert split_authority(authority) == found
