"""The gRPC classifiers: what they make of statuses in heads and trailers, of responses without one, and of errors.

Covers `grpc_verdicts.py`.
"""

import pytest

from noderouter.core.body import CHUNKED, NO_BODY, WholeBody
from noderouter.core.errors import (
    BindingTimeout,
    ClientGone,
    ConnectError,
    DeadlineExceeded,
    EndpointProtocolError,
    NoSuchName,
    OverloadError,
    StreamReset,
)
from noderouter.core.exchange import Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import UNTIL_CLOSE, Response
from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.schema.kind import kind_field
from tests.testing.reply import make_exchange

PREFIX = "io.l5d.h2.grpc."
NAMES = ["default", "compliant", "alwaysRetryable", "neverRetryable", "retryableStatusCodes"]
RETRYABLE_STATUSES = {
    "default": {14},
    "compliant": {14},
    "alwaysRetryable": set(range(1, 17)),
    "neverRetryable": set(),
    "retryableStatusCodes": {8, 10},
}
GRPC = b"content-type: application/grpc\r\n"
GONE = WholeBody(b"x", replayable=False)


def build(name, **keys):
    if name == "retryableStatusCodes":
        keys = {"retryableStatusCodes": [8, 10]} | keys
    field = kind_field(ClassifierKind, "noderouter.proxy.classifier")
    return field.validate({"kind": PREFIX + name} | keys).build()


def called(status=200, fields=b"", *, length=CHUNKED, body=NO_BODY, reserved=None, block=GRPC):
    exchange = make_exchange(b"POST", block=block, body=body)
    exchange.response = Response(status, b"", Headers(fields), length, reserved=reserved)
    return exchange


def judged(classifier, exchange, trailers):
    """The verdict at the end, after the head has been judged."""
    exchange.verdict = classifier.head(exchange)
    return classifier.end(exchange, None if trailers is None else Headers(trailers))


def expected(name, status):
    if status == 0:
        return Verdict.SUCCESS
    return Verdict.RETRYABLE if status in RETRYABLE_STATUSES[name] else Verdict.FAILURE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", range(17))
def test_a_status_in_the_trailers(name, status):
    classifier, exchange = build(name), called()
    assert classifier.head(exchange) is None
    assert judged(classifier, exchange, b"grpc-message: x\r\ngrpc-status: %d\r\n" % status) is expected(name, status)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [0, CHUNKED])
@pytest.mark.parametrize("status", [0, 8, 13, 14])
def test_trailers_only_is_judged_at_the_head(name, length, status):
    classifier, exchange = build(name), called(fields=b"Grpc-Status: %d\r\n" % status, length=length)
    exchange.verdict = classifier.head(exchange)
    assert exchange.verdict is expected(name, status)
    assert classifier.end(exchange, Headers(b"grpc-status: 0\r\n")) is exchange.verdict


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trailers", [None, b"x: y\r\n", b"grpc-status: 99\r\n", b"grpc-status: ok\r\n"])
def test_a_call_without_a_status_is_unknown(name, trailers):
    assert judged(build(name), called(), trailers) is expected(name, 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("length", [0, 5, CHUNKED, UNTIL_CLOSE])
def test_only_the_compliant_one_maps_http(name, status, length):
    retryable = name == "alwaysRetryable" or (name == "compliant" and status in {429, 502, 503, 504})
    verdict = build(name).head(called(status, length=length))
    assert verdict is (Verdict.RETRYABLE if retryable else Verdict.FAILURE)


@pytest.mark.parametrize("length", [0, 5, UNTIL_CLOSE])
def test_where_no_trailers_can_come_none_are_waited_for(length):
    assert build("default").head(called(length=length)) is Verdict.FAILURE


@pytest.mark.parametrize("name", NAMES)
def test_success_is_what_is_configured(name):
    classifier = build(name, successStatusCodes=[5, 14])
    found = [judged(classifier, called(), b"grpc-status: %d\r\n" % status) for status in (5, 14, 0)]
    assert found[:2] == [Verdict.SUCCESS, Verdict.SUCCESS]
    assert found[2] is not Verdict.SUCCESS


@pytest.mark.parametrize("name", NAMES)
def test_the_next_router_may_vouch_that_nothing_was_processed(name):
    told = called(fields=b"grpc-status: 7\r\n", length=0, reserved=((b"l5d-retryable", b"true"),))
    assert build(name).head(told) is (Verdict.FAILURE if name == "neverRetryable" else Verdict.RETRYABLE)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_sent_again_is_never_retryable(name):
    classifier = build(name)
    assert judged(classifier, called(body=GONE), b"grpc-status: 14\r\n") is Verdict.FAILURE
    assert classifier.error(called(body=GONE), ConnectError("x")) is Verdict.FAILURE
    begun = called()
    begun.reply.started = True
    assert judged(classifier, begun, b"grpc-status: 14\r\n") is Verdict.FAILURE
    assert classifier.error(begun, ConnectError("x")) is Verdict.FAILURE


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ConnectError("x"), set(NAMES) - {"neverRetryable"}),
        (EndpointProtocolError("x"), {"default", "compliant", "alwaysRetryable"}),
        (DeadlineExceeded("x", attempt=True), {"default", "compliant", "alwaysRetryable"}),
        (DeadlineExceeded("x"), {"alwaysRetryable"}),
        (StreamReset("refused", 7), {"compliant", "alwaysRetryable"}),
        (
            StreamReset("refused", 7, retryable=True),
            {"default", "compliant", "alwaysRetryable", "retryableStatusCodes"},
        ),
        (StreamReset("calm", 11), {"alwaysRetryable"}),
        (StreamReset("cancel", 8), {"alwaysRetryable"}),
        (NoSuchName("x"), set()),
        (BindingTimeout("x"), set()),
        (OverloadError("x"), set()),
        (ClientGone("x"), set()),
        (OSError(), set()),
    ],
    ids=lambda each: " ".join(sorted(each)) or "none" if isinstance(each, set) else repr(each),
)
def test_errors(error, retryable):
    found = {name for name in NAMES if build(name).error(called(), error) is Verdict.RETRYABLE}
    assert found == retryable
    assert not any(build(name).error(called(block=b""), error) is Verdict.RETRYABLE for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_requests_of_others_are_judged_by_the_status_of_http(name):
    classifier = build(name)
    for block in (b"", b"content-type: application/grpc-web\r\n"):
        found = [classifier.head(called(status, block=block)) for status in (200, 404, 503)]
        assert found == [Verdict.SUCCESS, Verdict.SUCCESS, Verdict.FAILURE]


@pytest.mark.parametrize("name", NAMES)
def test_no_response_is_a_failure(name):
    exchange = make_exchange(b"POST", block=GRPC)
    assert build(name).head(exchange) is Verdict.FAILURE
    assert build(name).end(exchange, None) is Verdict.FAILURE


def test_the_one_that_never_retries_has_nobody_wait():
    assert {name for name in NAMES if build(name).waits()} == set(NAMES) - {"neverRetryable"}


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("default", {"successStatusCodes": [17]}, "16"),
        ("default", {"retryableStatusCodes": [1]}, "retryableStatusCodes"),
        ("retryableStatusCodes", {"retryableStatusCodes": [-1]}, "greater"),
        ("retryableStatusCodes", {"retryableStatusCodes": None}, "retryableStatusCodes"),
    ],
)
def test_wrong_keys_are_refused(name, keys, words):
    with pytest.raises(ValueError, match=words):
        build(name, **keys)
