import pytest

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier import original_dst
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.original_dst import OriginalDst
from tests.testing.reply import make_exchange, recorded

IDENTIFIER = OriginalDst(kind="io.l5d.originalDst").build(Path.of("svc"))


def captured(destination: bytes | None) -> Exchange:
    exchange = make_exchange(authority=b"other")
    recorded(exchange).comes(destination=destination)
    return exchange


@pytest.mark.parametrize("destination", [b"hello.prod", b"pg.prod:5432", b"10.1.2.3:80", b"[fd00::1]:443"])
def test_the_destination_is_one_label(destination):
    assert IDENTIFIER.identify(captured(destination)) == Path((b"svc", destination))


def test_what_was_not_captured_has_no_name():
    assert IDENTIFIER.identify(captured(None)) == Unidentified("the connection was not captured")


def test_the_same_destination_gives_the_same_path():
    assert IDENTIFIER.identify(captured(b"hello.prod")) is IDENTIFIER.identify(captured(b"hello.prod"))


def test_addresses_without_number_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(original_dst, "MAX_CACHED", 10)
    identifier = OriginalDst(kind="io.l5d.originalDst").build(Path.of("svc"))
    for number in range(100):
        assert identifier.identify(captured(b"10.1.2.%d:80" % number)) == Path.of("svc", f"10.1.2.{number}:80")
        assert len(identifier._paths) <= 10
