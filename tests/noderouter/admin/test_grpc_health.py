"""The messages of health checks, and what is answered; `test_grpc_host` speaks them over the wire."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.admin.config import SecurityConfig
from noderouter.admin.grpc_health import CHECK, WATCH, CallError, Health, Serving, parse_call, show_reply
from noderouter.core.grpc import Status
from tests.noderouter.admin.conftest import MakeState


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes((flag,)) + len(message).to_bytes(4, "big") + message


@given(st.text(max_size=200))
def test_a_service_is_read(name: str) -> None:
    data = name.encode("utf-8")
    size = len(data)
    length = bytes((size,)) if size < 128 else bytes((size & 0x7F | 0x80, size >> 7))
    assert parse_call(framed(b"\x0a" + length + data)) == name


@pytest.mark.parametrize(
    ("message", "service"),
    [
        (b"", ""),
        (b"\x0a\x01a\x0a\x01b", "b"),
        (b"\x10\x96\x01\x0a\x01a", "a"),
        (b"\x11" + b"12345678" + b"\x15" + b"1234" + b"\x0a\x01a", "a"),
        (b"\x12\x03abc\x0a\x00", ""),
        (b"\x08\x01", ""),
    ],
)
def test_other_fields_are_passed_over(message: bytes, service: str) -> None:
    assert parse_call(framed(message)) == service


@pytest.mark.parametrize(
    "message",
    [b"\x0a", b"\x0a\x05abc", b"\x0a\x01\xff", b"\x00", b"\x0b", b"\x0f\x00", b"\x10", b"\xff" * 11, b"\x11\x00"],
)
def test_what_is_no_request_is_refused(message: bytes) -> None:
    with pytest.raises(CallError) as raised:
        parse_call(framed(message))
    assert raised.value.status is Status.INTERNAL


@given(st.binary(max_size=40))
def test_no_bytes_are_a_crash(data: bytes) -> None:
    with suppress(CallError):
        assert isinstance(parse_call(data), str)


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0", b"\0\0\0\0\1", b"\0\0\0\0\0x", framed(b"") * 2])
def test_it_is_one_message(data: bytes) -> None:
    with pytest.raises(CallError, match="one message") as raised:
        parse_call(data)
    assert raised.value.status is Status.INTERNAL


def test_compressed_messages_are_not_read() -> None:
    with pytest.raises(CallError) as raised:
        parse_call(framed(b"", flag=1))
    assert raised.value.status is Status.UNIMPLEMENTED


def test_replies() -> None:
    assert [show_reply(each) for each in Serving] == [framed(b"\x08\x01"), framed(b"\x08\x02"), framed(b"\x08\x03")]


def test_the_router_is_the_service_without_a_name(make_state: MakeState) -> None:
    ready = [True]
    health = Health(make_state(readiness=lambda: (ready[0], [])), lambda: None)
    assert (health.of(""), health.of("x")) == (Serving.SERVING, Serving.SERVICE_UNKNOWN)
    ready[0] = False
    assert (health.of(""), health.of("x")) == (Serving.NOT_SERVING, Serving.SERVICE_UNKNOWN)


def test_methods_can_be_blacklisted(make_state: MakeState) -> None:
    health = Health(make_state(), lambda: None)
    assert [health.is_open(path) for path in (CHECK, WATCH, "/x")] == [True, True, False]
    security = SecurityConfig.model_validate({"pathBlacklist": [".*Watch"]})
    health = Health(make_state(security=security), lambda: None)
    assert [health.is_open(path) for path in (CHECK, WATCH)] == [True, False]
