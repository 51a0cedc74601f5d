"""The HTTP classifiers: every kind, method, status and error, against docs/linkerd1.md section 4.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.body import CHUNKED, NO_BODY
from noderouter.core.errors import (
    BindingTimeout,
    ClientGone,
    ClientProtocolError,
    ConnectError,
    DeadlineExceeded,
    EndpointProtocolError,
    NoSuchName,
    OverloadError,
)
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.schema.kind import kind_field, kinds_in

PACKAGE = "noderouter.proxy.classifier"
NAMES = sorted(name for name in kinds_in(PACKAGE, ClassifierKind) if name.startswith("io.l5d.http."))
METHODS = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"POST", b"PATCH", b"LINK", b"get"]
RETRYABLE_METHODS = {
    "io.l5d.http.nonRetryable5XX": set(),
    "io.l5d.http.retryableRead5XX": set(METHODS[:4]),
    "io.l5d.http.retryableIdempotent5XX": set(METHODS[:6]),
    "io.l5d.http.retryableAll5XX": set(METHODS[:8]),
    "io.l5d.http.allSuccessful": set(),
}
TRANSIENT = [ConnectError("x"), EndpointProtocolError("x"), DeadlineExceeded("x")]
LASTING = [NoSuchName("x"), BindingTimeout("x"), OverloadError("x"), ClientProtocolError("x"), ClientGone(), OSError()]


class Reply:
    """A reply as far as classifiers look at it."""

    started = False


class Streamed:
    """A body that cannot be sent twice."""

    length = CHUNKED
    data = None
    replayable = False
    trailers = None


def build(name):
    return kind_field(ClassifierKind, PACKAGE, "io.l5d.http.nonRetryable5XX").validate({"kind": name}).build()


def exchange(method=b"GET", status=None, body=NO_BODY, reserved=None):
    made = Exchange(method, b"/", b"host", Headers(), body, Reply())
    if status is not None:
        made.response = Response(status, b"", Headers(), 0, reserved=reserved)
    return made


@pytest.mark.parametrize("name", NAMES)
@given(method=st.sampled_from(METHODS), status=st.integers(100, 599))
def test_below_500_is_success(name, method, status):
    verdict = build(name).head(exchange(method, status))
    assert (verdict is Verdict.SUCCESS) is (status < 500 or name == "io.l5d.http.allSuccessful")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "io.l5d.http.allSuccessful"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", [500, 503, 599, 999])
def test_what_failed_is_retryable_by_method(name, method, status):
    expected = Verdict.RETRYABLE if method in RETRYABLE_METHODS[name] else Verdict.FAILURE
    assert build(name).head(exchange(method, status)) is expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_transient_errors_are_retryable_by_method(name, method, error):
    expected = Verdict.RETRYABLE if method in RETRYABLE_METHODS[name] else Verdict.FAILURE
    assert build(name).error(exchange(method), error) is expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_other_errors_are_not(name, error):
    assert build(name).error(exchange(b"GET"), error) is Verdict.FAILURE


@pytest.mark.parametrize("name", [name for name in NAMES if name != "io.l5d.http.allSuccessful"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"true", Verdict.RETRYABLE), (b"false", Verdict.FAILURE), (b"", Verdict.FAILURE)],
)
def test_the_next_router_may_vouch_that_nothing_was_processed(name, value, expected):
    reserved = ((b"l5d-err", b"x"), (b"l5d-retryable", value))
    assert build(name).head(exchange(b"LINK", 502, reserved=reserved)) is expected
    assert build(name).head(exchange(b"LINK", 200, reserved=reserved)) is Verdict.SUCCESS


@pytest.mark.parametrize("name", [name for name in NAMES if name != "io.l5d.http.allSuccessful"])
def test_a_streamed_request_is_never_retryable(name):
    reserved = ((b"l5d-retryable", b"true"),)
    assert build(name).head(exchange(b"GET", 503, Streamed(), reserved)) is Verdict.FAILURE
    assert build(name).error(exchange(b"GET", None, Streamed()), TRANSIENT[0]) is Verdict.FAILURE
    assert build(name).head(exchange(b"GET", 200, Streamed())) is Verdict.SUCCESS


def test_nothing_is_retryable_once_the_reply_has_started():
    started = exchange(b"GET")
    started.reply.started = True
    assert build("io.l5d.http.retryableAll5XX").error(started, TRANSIENT[0]) is Verdict.FAILURE


@pytest.mark.parametrize("name", NAMES)
def test_no_response_is_a_failure(name):
    assert build(name).head(exchange(b"GET")) is Verdict.FAILURE


def test_kinds_have_no_keys():
    with pytest.raises(ValueError, match="methods"):
        kind_field(ClassifierKind, PACKAGE).validate({"kind": NAMES[0], "methods": ["GET"]})
