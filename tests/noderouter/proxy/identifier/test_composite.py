import pytest

from dtab import Path
from noderouter.core.errors import IdentificationError
from noderouter.proxy.identifier.composite import FirstOf
from noderouter.proxy.identifier.header import HeaderIdentifier
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.path import PathIdentifier
from noderouter.proxy.identifier.static import StaticIdentifier
from noderouter.proxy.identifier.token import HeaderTokenIdentifier
from tests.noderouter.proxy.identifier.requests import request

SVC = Path.of("svc")
BY_NAME, BY_FIELD = HeaderIdentifier(SVC, "l5d-name"), HeaderTokenIdentifier(SVC, "X-Name")
BY_PATH = PathIdentifier(SVC, 1, consume=True)


def test_the_first_that_identifies_wins():
    both = FirstOf([BY_NAME, BY_PATH, StaticIdentifier(SVC)])
    exchange = request(b"/web/x", reserved=((b"l5d-name", b"/a"),))
    assert (both.identify(exchange), exchange.target) == (Path.of("svc", "a"), b"/web/x")
    exchange = request(b"/web/x")
    assert (both.identify(exchange), exchange.target) == (Path.of("svc", "web"), b"/x")
    assert both.identify(request()) == SVC


def test_all_reasons_are_told_once():
    both = FirstOf([BY_NAME, BY_FIELD, BY_NAME])
    assert both.identify(request()) == Unidentified("l5d-name header is absent; X-Name header is absent")


def test_a_refusal_is_final():
    with pytest.raises(IdentificationError):
        FirstOf([BY_NAME, StaticIdentifier(SVC)]).identify(request(reserved=((b"l5d-name", b"x"),)))
