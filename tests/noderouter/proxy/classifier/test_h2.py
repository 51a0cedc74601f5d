"""The h2 classifiers that go by the status of HTTP judge as those of the same name for HTTP/1 do."""

import pytest

from noderouter.core.errors import ConnectError, NoSuchName
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.schema.kind import kind_field, kinds_in
from tests.testing.reply import make_exchange

PACKAGE = "noderouter.proxy.classifier"
NAMES = sorted(
    name.removeprefix("io.l5d.http.") for name in kinds_in(PACKAGE, ClassifierKind) if name.startswith("io.l5d.http.")
)


def build(name):
    return kind_field(ClassifierKind, PACKAGE).validate({"kind": name}).build()


def test_there_are_five():
    assert len(NAMES) == 5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", [b"GET", b"TRACE", b"PUT", b"DELETE", b"POST", b"PATCH", b"LINK"])
def test_they_are_the_same(name, method):
    ours, theirs = build(f"io.l5d.h2.{name}"), build(f"io.l5d.http.{name}")
    exchange = make_exchange(method)
    for error in (ConnectError("x"), NoSuchName("x")):
        assert ours.error(exchange, error) is theirs.error(exchange, error)
    for status in (200, 404, 499, 500, 503):
        exchange.response = Response(status, b"", Headers(), 0)
        assert ours.head(exchange) is theirs.head(exchange)
    assert not ours.waits()
