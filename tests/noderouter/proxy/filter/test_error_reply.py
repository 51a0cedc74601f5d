"""The table from errors to HTTP, limits, and what is not answered."""

from urllib.parse import unquote_plus

import pytest

from noderouter.core.errors import (
    BadMaxForwards,
    BadToken,
    BindingError,
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
    LimitReached,
    MethodRefused,
    NoSuchName,
    NotSwitched,
    OverloadError,
    PolicyRefused,
    RateLimited,
    RefusedDestination,
    RouterError,
    StreamReset,
    TooManyCalls,
    Unprocessed,
)
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.core.service import Service
from noderouter.proxy.filter.admission import Admission
from noderouter.proxy.filter.error_reply import MAX_FIELD_BYTES, ErrorReply
from noderouter.proxy.filter.overrides import BadContext
from noderouter.telemetry.metrics import RequestStats
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import Pause, run, start

RETRYABLE, NACK = b"l5d-retryable", b"finagle-http-nack"


def failing(error: BaseException) -> Service:
    async def service(exchange: Exchange) -> None:
        raise error

    return service


def answer(
    error: Exception, max_headers_bytes: int = 60 * 1024, max_body_bytes: int = 5120 * 1024
) -> tuple[Exchange, Response, dict[bytes, bytes], bytes]:
    """The exchange, its response, the router's fields and the body."""
    exchange = make_exchange()
    run(
        ErrorReply(
            failing(error), RequestStats(), max_headers_bytes=max_headers_bytes, max_body_bytes=max_body_bytes
        ).serve(exchange)
    )
    reply = recorded(exchange)
    assert reply.response is not None
    assert reply.finished
    fields = list(Headers(exchange.reply_fields).items())
    assert len(dict(fields)) == len(fields)
    return exchange, reply.response, dict(fields), reply.data


@pytest.mark.parametrize(
    ("error", "status", "reason", "extra"),
    [
        (IdentificationError("no host"), 400, b"Bad Request", set()),
        (BadContext("bad dtab"), 400, b"Bad Request", set()),
        (RefusedDestination("not there"), 403, b"Forbidden", set()),
        (MethodRefused("no tunnels"), 405, b"Method Not Allowed", set()),
        (TooManyCalls(1000), 400, b"Bad Request", set()),
        (BadMaxForwards(), 400, b"Bad Request", set()),
        (BindingError("x"), 502, b"Bad Gateway", set()),
        (NoSuchName("nobody"), 502, b"Bad Gateway", set()),
        (BindingTimeout("late"), 502, b"Bad Gateway", set()),
        (ConnectError("refused"), 502, b"Bad Gateway", {RETRYABLE}),
        (FailedFast("down"), 502, b"Bad Gateway", {RETRYABLE}),
        (EndpointProtocolError("closed"), 502, b"Bad Gateway", set()),
        (EndpointProtocolError("closed early", retryable=True), 502, b"Bad Gateway", {RETRYABLE}),
        (CutShort("cut"), 502, b"Bad Gateway", set()),
        (NotSwitched("no tunnel"), 502, b"Bad Gateway", set()),
        (StreamReset("reset", 8), 502, b"Bad Gateway", set()),
        (Unprocessed("goes away"), 502, b"Bad Gateway", {RETRYABLE}),
        (EndpointTimeout("silent"), 504, b"Gateway Timeout", set()),
        (OverloadError("full"), 503, b"Service Unavailable", {RETRYABLE, NACK}),
        (LimitReached("full"), 503, b"Service Unavailable", {RETRYABLE, NACK}),
        (RateLimited("often", 0.5), 429, b"Too Many Requests", set()),
        (PolicyRefused("not you", "mine"), 403, b"Forbidden", set()),
        (BadToken("expired", "the token has expired"), 401, b"Unauthorized", set()),
        (KeysUnknown("no keys"), 503, b"Service Unavailable", {RETRYABLE}),
        (DeadlineExceeded("late"), 503, b"Service Unavailable", set()),
        (RouterError("other"), 502, b"Bad Gateway", set()),
    ],
)
def test_the_table(error: RouterError, status: int, reason: bytes, extra: set[bytes]) -> None:
    exchange, response, fields, body = answer(error)
    assert (response.status, response.reason) == (status, reason)
    assert response.length == len(body)
    assert body == error.message.encode()
    assert response.headers.block == b"content-type: text/plain\r\n" + error.fields
    assert fields.keys() == {b"l5d-err", b"l5d-success-class"} | extra
    assert unquote_plus(fields[b"l5d-err"].decode()) == error.message
    assert fields[b"l5d-success-class"] == b"0.0"
    assert all(fields[name] == b"true" for name in extra)
    assert exchange.response is response
    assert exchange.verdict is Verdict.FAILURE


def test_every_error_class_is_in_the_table() -> None:
    def below(cls: type[RouterError]) -> set[type[RouterError]]:
        return {cls}.union(*map(below, cls.__subclasses__()))

    mark = next(m for m in test_the_table.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]
    covered = {type(row[0]) for row in mark.args[1]}
    core = {cls for cls in below(RouterError) if cls.__module__ == "noderouter.core.errors"}
    assert core - covered == {ClientProtocolError}


def test_a_refusal_by_admission_is_a_nack() -> None:
    exchange = make_exchange()
    run(ErrorReply(Admission(failing(AssertionError()), 0).serve, RequestStats()).serve(exchange))
    assert exchange.response is not None
    assert exchange.response.status == 503
    assert b"finagle-http-nack: true\r\n" in exchange.reply_fields


def test_other_exceptions_are_faults_of_ours_and_are_told() -> None:
    told: list[tuple[Exchange, Exception]] = []
    error = KeyError()
    exchange = make_exchange()
    run(ErrorReply(failing(error), RequestStats(), on_fault=lambda *args: told.append(args)).serve(exchange))
    assert told == [(exchange, error)]
    assert recorded(exchange).data == b"KeyError"
    _, response, fields, body = answer(ValueError("boom"))
    assert (response.status, body, fields[b"l5d-err"]) == (502, b"boom", b"boom")


def test_errors_of_routing_are_not_told_as_faults() -> None:
    told: list[tuple[Exchange, Exception]] = []
    run(
        ErrorReply(failing(NoSuchName("x")), RequestStats(), on_fault=lambda *args: told.append(args)).serve(
            make_exchange()
        )
    )
    assert told == []


def test_an_error_can_be_explained_before_it_is_answered() -> None:
    def explain(exchange: Exchange, error: Exception) -> Exception:
        return ConnectError(f"{error} {exchange.target.decode()}")

    exchange = make_exchange()
    run(ErrorReply(failing(ConnectError("refused")), RequestStats(), explain=explain).serve(exchange))
    assert recorded(exchange).data == b"refused /"
    assert b"l5d-retryable: true" in exchange.reply_fields


def test_success_passes() -> None:
    async def fine(exchange: Exchange) -> None:
        exchange.reply.begin(Response(200, b"OK", Headers(), 2), b"ok")

    exchange = make_exchange()
    run(ErrorReply(fine, RequestStats()).serve(exchange))
    assert recorded(exchange).data == b"ok"
    assert exchange.reply_fields == b""


def test_fields_of_a_response_that_was_not_sent_do_not_stay() -> None:
    async def half(exchange: Exchange) -> None:
        exchange.reply_fields = b"l5d-success-class: 1.0\r\nvia: 1.1 linkerd\r\n"
        raise EndpointProtocolError("bad")

    exchange = make_exchange()
    run(ErrorReply(half, RequestStats()).serve(exchange))
    assert exchange.reply_fields == b"l5d-err: bad\r\nl5d-success-class: 0.0\r\n"


class Unwound(BaseException):
    """Like the reactor's cancellation."""


@pytest.mark.parametrize("error", [ClientGone("left"), Unwound()])
def test_nobody_to_answer(error: BaseException) -> None:
    exchange = make_exchange()
    with pytest.raises(type(error)):
        run(ErrorReply(failing(error), RequestStats()).serve(exchange))
    assert not recorded(exchange).started
    assert exchange.response is None


def test_a_protocol_error_is_the_codecs_to_answer_and_its_status_is_noted() -> None:
    exchange = make_exchange()
    with pytest.raises(ClientProtocolError):
        run(ErrorReply(failing(ClientProtocolError("bad chunk", 400)), RequestStats()).serve(exchange))
    assert not recorded(exchange).started
    assert exchange.response is not None
    assert exchange.response.status == 400


@pytest.mark.parametrize("error", [EndpointProtocolError("cut short"), ValueError(), ClientProtocolError("bad chunk")])
def test_once_a_reply_has_started_the_error_goes_on(error: Exception) -> None:
    async def service(exchange: Exchange) -> None:
        exchange.response = Response(200, b"OK", Headers(), 10)
        exchange.reply.begin(exchange.response, b"half")
        raise error

    exchange = make_exchange()
    with pytest.raises(type(error)):
        run(ErrorReply(service, RequestStats()).serve(exchange))
    assert recorded(exchange).data == b"half"
    assert exchange.response is not None
    assert exchange.response.status == 200


def test_a_slow_client_is_waited_for() -> None:
    async def drain() -> None:
        await Pause()

    exchange = make_exchange()
    recorded(exchange).pending = drain()
    stepped = start(ErrorReply(failing(NoSuchName("x")), RequestStats()).serve(exchange))
    assert not stepped.done
    stepped.resume()
    assert stepped.done


def test_the_message_is_cut_to_both_limits() -> None:
    _, _, fields, body = answer(NoSuchName("é" * 4000), max_headers_bytes=1024, max_body_bytes=1001)
    assert len(fields[b"l5d-err"]) <= 512
    assert body == "é".encode() * 500


def test_the_field_is_bounded_however_large_heads_may_be() -> None:
    _, _, fields, body = answer(NoSuchName("a" * 100_000), max_headers_bytes=10**9)
    assert len(fields[b"l5d-err"]) == MAX_FIELD_BYTES
    assert len(body) == 100_000


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x=1", "a\nb", "\x00", "a: b", "\ud800", "x\r\n\r\n<html>"])
def test_a_message_cannot_add_a_field(text: str) -> None:
    exchange, _, fields, _ = answer(NoSuchName(text))
    assert exchange.reply_fields.count(b"\r\n") == len(fields) == 2


def test_a_caller_of_grpc_is_answered_with_headers_alone() -> None:
    exchange = make_exchange(b"POST", block=b"content-type: application/grpc\r\n")
    run(ErrorReply(failing(OverloadError("full")), RequestStats()).serve(exchange))
    reply = recorded(exchange)
    assert (exchange.response, reply.data, reply.finished) == (reply.response, b"", True)
    assert reply.response is not None
    assert (reply.response.status, reply.response.length) == (200, 0)
    assert reply.response.headers.get(b"grpc-status") == b"8"
    assert exchange.verdict is Verdict.FAILURE
