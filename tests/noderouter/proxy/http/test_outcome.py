"""A response that is delivered, one that is discarded, and an attempt without any."""

import pytest

from noderouter.core.body import WholeBody
from noderouter.core.errors import ClientGone, EndpointProtocolError
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_0, HTTP_1_1, HTTP_2, Response
from noderouter.proxy.http.outcome import conclude, deliver, lost
from tests.testing.reply import make_exchange


class Retryable:
    """A classifier to which every head is a retryable failure."""

    def head(self, _exchange: Exchange) -> Verdict:
        return Verdict.RETRYABLE

    def end(self, _exchange: Exchange, _trailers: Headers | None) -> Verdict:
        raise AssertionError


class Gate:
    def __init__(self, answer: bool) -> None:
        self.answer = answer

    def deliver(self, _exchange: Exchange) -> bool:
        return self.answer


def response(status: int = 200, **more: object) -> Response:
    return Response(status, b"OK", Headers(), 0, **more)  # type: ignore[arg-type]


def test_a_plain_success_has_its_verdict_and_via():
    exchange = make_exchange()
    assert deliver(exchange, response())
    assert exchange.verdict is Verdict.SUCCESS
    assert exchange.reply_fields == b"l5d-success-class: 1.0\r\nvia: 1.1 linkerd\r\n"


def test_via_names_the_version_of_the_endpoint():
    exchange = make_exchange()
    assert deliver(exchange, response(version=HTTP_1_0))
    assert exchange.reply_fields == b"l5d-success-class: 1.0\r\nvia: 1.0 linkerd\r\n"


def test_a_failure_says_so():
    exchange = make_exchange()
    assert deliver(exchange, response(503))
    assert exchange.verdict is Verdict.FAILURE
    assert exchange.reply_fields.startswith(b"l5d-success-class: 0.0\r\n")


def test_trailers_stay_with_the_response_for_those_who_look():
    exchange, trailers = make_exchange(), Headers(b"grpc-status: 14\r\n")
    deliver(exchange, response())
    conclude(exchange, trailers)
    assert exchange.response is not None
    assert exchange.response.trailers is trailers


@pytest.mark.parametrize("delivered", [True, False])
def test_the_gate_decides_about_what_is_retryable(delivered):
    exchange = make_exchange()
    exchange.classifier = Retryable()
    exchange.gate = Gate(delivered)
    assert deliver(exchange, response(503)) is delivered
    assert (exchange.reply_fields == b"") is not delivered


def test_without_a_gate_everything_is_delivered():
    exchange = make_exchange()
    exchange.classifier = Retryable()
    assert deliver(exchange, response(503))


@pytest.mark.parametrize(
    ("method", "untouched", "replayable", "again"),
    [
        (b"GET", True, True, True),
        (b"PUT", True, True, True),
        (b"POST", True, True, False),
        (b"GET", False, True, False),
        (b"PUT", True, False, False),
    ],
)
def test_what_was_lost_is_sent_again_only_where_that_is_safe(method, untouched, replayable, again):
    error = lost(make_exchange(method, body=WholeBody(b"x", replayable)), untouched, "reset")
    assert isinstance(error, EndpointProtocolError)
    assert error.retryable is again


def test_a_client_that_broke_off_is_the_reason():
    exchange = make_exchange()
    exchange.request_failure = ClientGone("left")
    assert lost(exchange, True, "reset") is exchange.request_failure


class Late:
    """A classifier that knows at the end only."""

    def head(self, _exchange: Exchange) -> Verdict | None:
        return None

    def end(self, exchange: Exchange, trailers: Headers | None) -> Verdict:
        return Verdict.SUCCESS if trailers is not None and trailers.get(b"ok") == b"1" else Verdict.FAILURE


def late(version: int, te: bytes = b"trailers") -> Exchange:
    exchange = make_exchange(version=version, reserved=((b"te", te),))
    exchange.classifier = Late()
    assert deliver(exchange, response())
    assert exchange.verdict is None
    assert exchange.reply_fields == b"via: 1.1 linkerd\r\n"
    return exchange


@pytest.mark.parametrize(
    ("trailers", "shown", "verdict"),
    [
        (b"ok: 1\r\n", b"ok: 1\r\nl5d-success-class: 1.0\r\n", Verdict.SUCCESS),
        (b"ok: 0\r\n", b"ok: 0\r\nl5d-success-class: 0.0\r\n", Verdict.FAILURE),
        (None, b"l5d-success-class: 0.0\r\n", Verdict.FAILURE),
    ],
)
def test_a_late_verdict_is_told_behind_the_trailers(trailers, shown, verdict):
    exchange = late(HTTP_2)
    told = conclude(exchange, None if trailers is None else Headers(trailers))
    assert told == Headers(shown)
    assert exchange.verdict is verdict


@pytest.mark.parametrize(("version", "te"), [(HTTP_1_1, b"trailers"), (HTTP_2, b"")])
def test_it_is_told_to_nobody_who_does_not_read_it(version, te):
    exchange = late(version, te)
    trailers = Headers(b"ok: 1\r\n")
    assert conclude(exchange, trailers) is trailers
    assert exchange.verdict is Verdict.SUCCESS
    assert conclude(late(version, te), None) is None


def test_what_the_head_has_told_is_not_told_again():
    exchange = make_exchange(version=HTTP_2, reserved=((b"te", b"trailers"),))
    assert deliver(exchange, response())
    assert conclude(exchange, None) is None
    assert exchange.verdict is Verdict.SUCCESS
