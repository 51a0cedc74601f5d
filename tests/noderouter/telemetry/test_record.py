"""What is said of an exchange: its keys, its times, and that nothing in it breaks a line, a terminal or JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.body import WholeBody
from noderouter.core.context import Trace
from noderouter.core.errors import ClientGone, ConnectError
from noderouter.core.exchange import FAILURE, RETRYABLE, Exchange
from noderouter.core.headers import Headers
from noderouter.core.journey import Attempt
from noderouter.core.message import HTTP_2
from noderouter.core.trace_context import SAMPLED, SAMPLING_KNOWN
from noderouter.telemetry.recent import CUT
from noderouter.telemetry.record import LONG, TRIES, ended_at, failed, line, make, parts, rfc3339, text
from tests.testing.ended import ATTACK, STARTED, TRACE, ended

NOON = 1_732_276_800.5
GRPC = b"content-type: application/grpc\r\n"


def shown(exchange: Exchange, error: BaseException | None = None, trace: Trace = TRACE) -> dict[str, Any]:
    now = ended_at(exchange, error, STARTED + 1)
    found: dict[str, Any] = json.loads(line(make(exchange, "out", trace, error, now, NOON)))
    return found


def test_a_request() -> None:
    exchange = ended(method=b"POST", body=WholeBody(b"abc"))
    assert shown(exchange) == {
        "time": "2024-11-22T12:00:00.250Z",
        "router": "out",
        "kind": "request",
        "service": "/svc/hello",
        "client": "/#/io.l5d.fs/hello",
        "endpoint": "10.0.0.7:8080",
        "source": "10.2.0.7:4711",
        "server": "10.2.0.1:4140",
        "destination": None,
        "method": "POST",
        "scheme": "http",
        "authority": "hello",
        "path": "/a?b=c",
        "status": 200,
        "error": None,
        "bytes_in": 3,
        "bytes_out": 5,
        "duration_ms": 250.0,
        "queue_ms": 50.0,
        "connect_ms": 75.0,
        "first_byte_ms": 125.0,
        "body_ms": 0.0,
        "attempts": 1,
        "tries": [
            {
                "client": "/#/io.l5d.fs/hello",
                "endpoint": "10.0.0.7:8080",
                "after_ms": 50.0,
                "connect_ms": 75.0,
                "duration_ms": 200.0,
                "status": 200,
                "error": None,
                "grpc_status": None,
            }
        ],
        "trace": "0000000000000abc",
        "span": "0000000000000012",
        "parent": "0000000000000034",
        "sampled": None,
        "version": "HTTP/1.1",
        "grpc_status": None,
    }


@pytest.mark.parametrize("parent", [0, 0x12])
def test_a_root_has_no_parent(parent: int) -> None:
    """Who began a trace by `traceparent` has none, and who began one by `l5d-ctx-trace` is his own."""
    assert shown(ended(), trace=Trace(0xABC, 0x12, parent))["parent"] is None


def test_what_is_not_known_is_null() -> None:
    exchange = ended(name=None, client=None, endpoint=None, status=None, authority=None)
    exchange.journey = None
    found = shown(exchange, ClientGone("left"))
    absent = (
        "service",
        "client",
        "endpoint",
        "authority",
        "status",
        "queue_ms",
        "connect_ms",
        "body_ms",
        "destination",
    )
    assert [found[key] for key in absent] == [None] * len(absent)
    assert (found["error"], found["duration_ms"], found["tries"]) == ("ClientGone", 1000.0, [])


@pytest.mark.parametrize(("flags", "sampled"), [(0, None), (SAMPLING_KNOWN, False), (SAMPLING_KNOWN | SAMPLED, True)])
def test_trace_ids(flags: int, sampled: bool | None) -> None:
    found = shown(ended(), trace=Trace(1, 2, 3, flags, 4))
    assert (found["trace"], found["sampled"]) == ("0000000000000004" + "0000000000000001", sampled)


def test_a_call_has_the_status_of_its_trailers() -> None:
    exchange = ended(block=GRPC, version=HTTP_2)
    assert exchange.response is not None
    exchange.response.trailers = Headers(b"grpc-status: 14\r\n")
    found = shown(exchange)
    assert (found["version"], found["status"], found["grpc_status"]) == ("HTTP/2", 200, 14)
    assert not failed(exchange)
    for verdict in (FAILURE, RETRYABLE):
        exchange.verdict = verdict
        assert failed(exchange)
    assert shown(ended(scheme=b"tcp"))["version"] is None


def test_the_parts_add_up_to_the_whole() -> None:
    exchange = ended()
    exchange.head_at = STARTED + 0.2
    found = shown(exchange)
    assert (found["first_byte_ms"], found["body_ms"]) == (75.0, 50.0)
    whole = sum(found[key] for key in ("queue_ms", "connect_ms", "first_byte_ms", "body_ms"))
    assert whole == pytest.approx(found["duration_ms"])


def test_a_try_that_found_no_connection_has_no_more_parts() -> None:
    exchange = ended(status=None)
    assert exchange.journey is not None
    exchange.journey[0].connected = 0.0
    exchange.journey[0].over(STARTED + 0.2, 0, "ConnectError")
    assert parts(exchange, ConnectError("no"), STARTED, STARTED + 0.2) == (50.0, 150.0, None, None)
    (attempt,) = shown(exchange, ConnectError("no"))["tries"]
    assert (attempt["connect_ms"], attempt["status"], attempt["error"]) == (None, None, "ConnectError")


def test_of_a_response_that_never_came_no_time_is_told() -> None:
    exchange = ended(status=None)
    assert parts(exchange, ClientGone("left"), STARTED, STARTED + 1) == (50.0, 75.0, None, None)


def test_a_flow_is_called_one_and_counts_to_its_end() -> None:
    exchange = ended(scheme=b"tls")
    exchange.tunnel = True
    exchange.done_at = exchange.head_at = STARTED + 0.2
    found = shown(exchange)
    assert (found["kind"], found["duration_ms"], found["body_ms"]) == ("flow", 1000.0, 800.0)


def test_tries_are_bounded() -> None:
    exchange = ended()
    assert exchange.journey is not None
    exchange.journey += [Attempt(Path.of("x"), Address("10.0.0.9", 80), STARTED) for _ in range(1000)]
    exchange.attempts = 1001
    found = shown(exchange)
    assert (found["attempts"], len(found["tries"])) == (1001, TRIES)


def test_long_values_are_cut() -> None:
    long = b"/" + b"x" * 60_000
    found = shown(ended(long, authority=long, name="/svc/" + "y" * 5000))
    assert len(found["path"]) == len(found["authority"]) == LONG + len(CUT)
    assert len(found["service"]) == 301
    assert len(line(make(ended(long, authority=long), "out", TRACE, None, STARTED, NOON))) < 3 * LONG


def test_bytes_that_are_no_text() -> None:
    assert text("é".encode()) == "é"
    assert text(b"\xff\x00a") == "\\xff\x00a"


@pytest.mark.parametrize("character", ["a", "é", "€", "𝄞"])
def test_long_text_is_cut_between_characters(character: str) -> None:
    assert text(LONG * character.encode()) == LONG * character
    for more in (1, LONG, 4 * LONG):
        assert text((LONG + more) * character.encode()) == LONG * character + CUT


def test_times_are_utc_with_milliseconds() -> None:
    assert rfc3339(NOON) == "2024-11-22T12:00:00.500Z"
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"


FIELDS = ("method", "target", "authority", "scheme")


@given(
    st.sampled_from(FIELDS), st.binary(max_size=40) | st.text(max_size=40).map(str.encode) | st.just(ATTACK.encode())
)
def test_whatever_is_sent_it_is_one_line_of_printable_json(field: str, value: bytes) -> None:
    exchange = ended()
    setattr(exchange, field, value)
    written = line(make(exchange, ATTACK, TRACE, None, STARTED, NOON))
    assert all(0x20 <= ord(character) < 0x7F for character in written)
    found = json.loads(written)
    assert found["router"] == ATTACK
    assert found["path" if field == "target" else field] == text(value)


def test_an_attack_in_a_name() -> None:
    exchange = ended()
    exchange.name = Path.of("svc", ATTACK)
    exchange.client_id = Path.of("#", ATTACK)
    written = line(make(exchange, "out", TRACE, None, STARTED, NOON))
    assert all(0x20 <= ord(character) < 0x7F for character in written)
    assert Path.parse(json.loads(written)["service"]) == exchange.name
