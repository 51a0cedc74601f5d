"""What an error looks like: as text, as a status of gRPC, and where a codec refuses. Texts: see ErrorReply."""

from urllib.parse import unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.core.errors import (
    BadToken,
    BindingTimeout,
    ClientGone,
    ClientProtocolError,
    ConnectError,
    CutShort,
    DeadlineExceeded,
    EndpointProtocolError,
    EndpointTimeout,
    FailedFast,
    IdentificationError,
    KeysUnknown,
    MethodRefused,
    NoSuchName,
    OverloadError,
    RefusedDestination,
    StreamReset,
)
from noderouter.core.grpc import decode_message
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.filter.overrides import BadContext
from noderouter.proxy.http.clear_context import guard
from noderouter.proxy.http.error_form import GRPC_FIELD_BYTES, encode, error_form, refusal, truncate
from tests.testing.reply import make_exchange

GRPC = b"content-type: application/grpc+proto\r\n"


@pytest.mark.parametrize(
    ("error", "status", "retryable"),
    [
        (IdentificationError("no host"), b"13", False),
        (BadContext("bad dtab"), b"13", False),
        (ClientProtocolError("bad"), b"13", False),
        (RefusedDestination("not there"), b"7", False),
        (BadToken("expired", "too old"), b"16", False),
        (KeysUnknown("away"), b"14", True),
        (MethodRefused("no tunnels"), b"2", False),
        (NoSuchName("nobody"), b"14", False),
        (BindingTimeout("late"), b"14", False),
        (ConnectError("refused"), b"14", True),
        (FailedFast("down"), b"14", True),
        (EndpointProtocolError("closed"), b"14", False),
        (EndpointProtocolError("closed early", retryable=True), b"14", True),
        (CutShort("cut"), b"14", False),
        (EndpointTimeout("silent"), b"14", False),
        (StreamReset("cancel", 8), b"1", False),
        (StreamReset("refused", 7, retryable=True), b"14", True),
        (StreamReset("calm", 11), b"8", False),
        (StreamReset("security", 12), b"7", False),
        (StreamReset("internal", 2), b"13", False),
        (OverloadError("full"), b"8", True),
        (DeadlineExceeded("of one attempt", attempt=True), b"14", False),
        (DeadlineExceeded("of all of them"), b"4", False),
        (ClientGone("left"), b"1", False),
        (ValueError("boom"), b"13", False),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else None,
)
def test_the_table_of_grpc(error: Exception, status: bytes, retryable: bool) -> None:
    response, own, body = error_form(make_exchange(b"POST", block=GRPC), error, error, 8192, 1 << 20)
    assert (response.status, response.length, body, response.cause) == (200, 0, b"", error)
    assert list(response.headers.items()) == [
        (b"content-type", b"application/grpc"),
        (b"grpc-status", status),
        (b"grpc-message", str(error).encode()),
    ]
    expected = [(b"l5d-err", encode(str(error), 100)), (b"l5d-success-class", b"0.0")]
    assert list(Headers(own).items()) == expected + [(b"l5d-retryable", b"true")] * retryable


@pytest.mark.parametrize("content_type", [b"application/grpc-web", b"application/json", b"text/x;application/grpc"])
def test_others_are_answered_in_text(content_type: bytes) -> None:
    exchange = make_exchange(b"POST", block=b"content-type: %b\r\n" % content_type)
    response, own, body = error_form(exchange, OverloadError("full"), OverloadError("full"), 8192, 1 << 20)
    assert (response.status, response.headers.block, body) == (503, b"content-type: text/plain\r\n", b"full")
    assert own == b"l5d-err: full\r\nl5d-success-class: 0.0\r\nl5d-retryable: true\r\nfinagle-http-nack: true\r\n"


def test_what_grpc_is_told_fits_into_what_its_clients_read() -> None:
    error = NoSuchName("é\n" * 10_000)
    response, own, _ = error_form(make_exchange(b"POST", block=GRPC), error, error, 8192, 1 << 20)
    assert len(Headers(own).get(b"l5d-err") or b"") <= GRPC_FIELD_BYTES
    assert len(response.block) + len(own) < 8192 - 1024
    assert decode_message(response.headers.get(b"grpc-message") or b"").startswith("é\né")


def test_a_public_server_does_not_say_why() -> None:
    error = NoSuchName("Unable to route request! secret")
    response, own, body = error_form(make_exchange(b"POST", block=GRPC), error, error, 8192, 1 << 20)
    assert guard(response, own, body, True) == (b"", b"")
    assert response.block == b"content-type: application/grpc\r\ngrpc-status: 14\r\n"


@pytest.mark.parametrize("clear", [False, True])
def test_a_refusal(clear: bool) -> None:
    response, body = refusal(431, "too large", clear=clear)
    own = b"" if clear else b"l5d-err: too%20large\r\n"
    assert (response.status, response.reason) == (431, b"Request Header Fields Too Large")
    assert (response.block, body, response.length) == (b"content-type: text/plain\r\n" + own, b"too large", 9)


@pytest.mark.parametrize(("status", "shown"), [(400, b"13"), (408, b"2"), (503, b"14")])
def test_a_refusal_of_a_call(status: int, shown: bytes) -> None:
    response, body = refusal(status, "bad chunk", grpc=True)
    head = b"content-type: application/grpc\r\ngrpc-status: %b\r\n" % shown
    assert (response.status, response.length, body) == (200, 0, b"")
    assert response.block == head + b"grpc-message: bad chunk\r\nl5d-err: bad%20chunk\r\n"
    response, _ = refusal(status, "bad chunk", grpc=True, clear=True)
    assert isinstance(response, Response)
    assert response.block == head


@given(st.text(), st.integers(0, 50))
@example("~ *-._+%&=/äß€", 500)
@example("aé", 7)
@example("aé", 6)
@example("aé", 5)
def test_encoding_is_the_safe_alphabet_and_escapes_stay_whole(message: str, limit: int) -> None:
    field = encode(message, limit)
    assert len(field) <= limit
    rest = field
    while rest:
        step = 3 if rest[:1] == b"%" else 1
        assert len(rest) >= step
        assert step == 3 or rest[:1].isalnum() or rest[:1] in b"*-._+"
        rest = rest[step:]
    assert message.isascii() or b"%" in field or len(field) < len(message) + 12
    assert unquote_plus(encode(message, 10_000).decode()) == truncate(message, 10_000).decode()


def test_the_encoding_is_javas() -> None:
    assert encode("a b~c*d-e.f_g/h\né", 100) == b"a+b%7Ec*d-e.f_g%2Fh%0A%C3%A9"


@given(st.text(), st.integers(0, 40))
def test_truncation_keeps_whole_characters(message: str, limit: int) -> None:
    data = truncate(message, limit)
    assert len(data) <= limit
    whole = message.encode("utf-8", "backslashreplace")
    assert whole.startswith(data)
    assert whole == data or len(data) > limit - 4
    data.decode("utf-8")
