"""Filters: what they let through, and that a wrong one is refused with words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.errors import ConnectError
from noderouter.core.journey import Attempt
from noderouter.telemetry.tap.filter import EVERY, KEYS, MAX_MS, FilterError, parse
from tests.testing.ended import STARTED, ended


def fits(query: dict[str, str], error: BaseException | None = None, seconds: float = 0.25, **keys: Any) -> bool:
    return parse(query).fits(ended(**keys), "out", error, seconds)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, True),
        ({"router": "out"}, True),
        ({"router": "ou"}, False),
        ({"router": "o*"}, True),
        ({"service": "/svc/hello"}, True),
        ({"service": "/svc/hell"}, False),
        ({"service": "/svc/*"}, True),
        ({"client": "/#/io.l5d.fs/hello"}, True),
        ({"client": "/#/io.l5d.k8s/*"}, False),
        ({"endpoint": "10.0.0.7:8080"}, True),
        ({"endpoint": "10.0.0.7"}, True),
        ({"endpoint": "10.0.0.70"}, False),
        ({"endpoint": "10.0.0.7:808"}, False),
        ({"source": "10.2.0.7"}, True),
        ({"source": "10.2.*"}, True),
        ({"source": "10.3.*"}, False),
        ({"method": "GET"}, True),
        ({"method": "POST, GET"}, True),
        ({"method": "get"}, False),
        ({"path": "/a"}, True),
        ({"path": "/b"}, False),
        ({"status": "200"}, True),
        ({"status": "2xx"}, True),
        ({"status": "404,2XX"}, True),
        ({"status": "5xx"}, False),
        ({"status": "error"}, False),
        ({"min_ms": "250"}, True),
        ({"min_ms": "250.1"}, False),
        ({"service": "/svc/hello", "method": "POST"}, False),
        ({"service": "/svc/hello", "method": "GET", "status": "2xx", "path": "/a?b"}, True),
    ],
)
def test_what_is_seen(query: dict[str, str], expected: bool) -> None:
    assert fits(query) is expected


def test_what_is_absent_fits_no_wish() -> None:
    absent: dict[str, Any] = {"name": None, "client": None, "endpoint": None, "status": None}
    for query in ({"service": "*"}, {"client": "*"}, {"endpoint": "*"}, {"status": "2xx"}):
        assert not fits(query, **absent)
    assert fits({}, **absent)


def test_a_failure_is_an_error_whatever_was_answered() -> None:
    assert fits({"status": "error"}, ConnectError("no"), status=502)
    assert fits({"status": "502"}, ConnectError("no"), status=502)
    assert fits({"status": "error"}, ConnectError("no"), status=None)
    assert not fits({"status": "error"}, status=502)


@pytest.mark.parametrize(
    ("status", "wanted", "expected"),
    [
        (b"14", "grpc", True),
        (b"14", "grpc-14", True),
        (b"14", "5xx,GRPC-5", False),
        (b"0", "grpc", False),
        (b"0", "grpc-0", True),
        (b"14", "200", True),
    ],
)
def test_a_call_is_found_by_its_status(status: bytes, wanted: str, expected: bool) -> None:
    call = {"block": b"content-type: application/grpc\r\n", "response_block": b"grpc-status: %b\r\n" % status}
    assert fits({"status": wanted}, **call) is expected
    assert not fits({"status": "grpc"}, response_block=call["response_block"])


def test_an_endpoint_that_failed_is_found_where_another_has_answered() -> None:
    exchange = ended()
    assert exchange.journey is not None
    exchange.journey.insert(0, Attempt(Path.parse("/#/io.l5d.fs/other"), Address("10.0.0.9", 8080), STARTED))
    for query in ({"endpoint": "10.0.0.9"}, {"endpoint": "10.0.0.7"}, {"client": "/#/io.l5d.fs/other"}):
        assert parse(query).fits(exchange, "out", None, 1.0)
    assert not parse({"endpoint": "10.0.0.8"}).fits(exchange, "out", None, 1.0)


def test_a_status_that_nobody_has_registered() -> None:
    assert fits({"status": "799"}, status=799)
    assert fits({"status": "7xx"}, status=799)


def test_an_address_of_ipv6() -> None:
    for wanted in ("fd00::7", "[fd00::7]:8080", "fd00::*", "[fd00::7]:80*"):
        assert fits({"endpoint": wanted}, endpoint="fd00::7")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": "0xx"}, "status='0xx': must be a status such as 503"),
        ({"status": ","}, "status=',': names none"),
        ({"service": "hello"}, "service='hello': must be a name such as /svc/hello"),
        ({"client": "10.0.0.7"}, "client='10.0.0.7': must be a name"),
        ({"path": "a"}, "path='a': must begin with /"),
        ({"method": "GET POST"}, "method='GET POST': must be a method such as GET"),
        ({"method": " , "}, "method=' , ': names none"),
        ({"endpoint": "web-1"}, "endpoint='web-1': must be 10.0.0.7, "),
        ({"endpoint": "10.0.0.7:http"}, "must be 10.0.0.7, "),
        ({"source": "10.0.0.256"}, "source='10.0.0.256': must be"),
        ({"source": "10.0.x*"}, "must be 10.0.0.7, "),
        ({"status": "20"}, "such as 5xx, grpc, or error"),
        ({"status": "grpc-17"}, "must be a status"),
        ({"status": "²00"}, "must be a status"),
        ({"status": "2²0"}, "must be a status"),
        ({"min_ms": "fast"}, "min_ms='fast': must be a number from 0 to 8.64e"),
        ({"min_ms": "nan"}, "must be a number"),
        ({"min_ms": "-1"}, "must be a number"),
        ({"min_ms": "١"}, "must be a number"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(query: dict[str, str], words: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(query)
    assert words in str(refused.value)


def test_what_is_empty_says_nothing() -> None:
    assert parse(dict.fromkeys(KEYS, "")) == EVERY


TEXTS = st.text(max_size=20)


@given(st.dictionaries(st.sampled_from(KEYS), TEXTS))
def test_whatever_is_asked_it_is_a_filter_or_refused(query: dict[str, str]) -> None:
    try:
        found = parse(query)
    except FilterError:
        return
    assert found.fits(ended(), "out", None, 1.0) in (True, False)


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["*", "/svc/hello", "10.0.0.7", "GET", "2xx", "/", "0"])))
def test_a_filter_of_several_is_all_of_them(query: dict[str, str]) -> None:
    """What all let through one by one they let through together, and nothing else."""
    try:
        together = parse(query)
    except FilterError:
        return
    alone = [parse({key: value}).fits(ended(), "out", None, 0.25) for key, value in query.items()]
    assert together.fits(ended(), "out", None, 0.25) is all(alone)


@given(st.floats(0, MAX_MS), st.floats(0, MAX_MS))
def test_how_long_it_took(least: float, took: float) -> None:
    assert fits({"min_ms": repr(least)}, seconds=took / 1000) is (took / 1000 >= least / 1000)
