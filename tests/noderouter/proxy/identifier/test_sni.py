import pytest

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.sni import Sni
from tests.testing.reply import make_exchange, recorded

IDENTIFIER = Sni(kind="io.l5d.sni").build(Path.of("svc"))


def flow(
    sni: bytes | None, port: int = 443, *, scheme: bytes = b"tls", destination: bytes | None = b"hello.prod:443"
) -> Exchange:
    """A captured connection."""
    exchange = make_exchange(b"CONNECT", authority=sni)
    exchange.scheme = scheme
    reply = recorded(exchange)
    reply.comes(local=("10.96.0.10", port), destination=destination)
    return exchange


@pytest.mark.parametrize(
    ("port", "label"), [(443, b"example.org:443"), (8443, b"example.org:8443"), (80, b"example.org")]
)
def test_the_name_and_the_port_are_one_label(port, label):
    assert IDENTIFIER.identify(flow(b"example.org", port)) == Path((b"svc", label))


def test_without_a_name():
    assert IDENTIFIER.identify(flow(None)) == Unidentified("the client's TLS names no server (SNI)")


@pytest.mark.parametrize("keys", [{"scheme": b"tcp"}, {"scheme": b"http"}, {"destination": None}])
def test_a_host_is_no_sni(keys):
    expected = Unidentified("the connection was not captured, or is not TLS")
    assert IDENTIFIER.identify(flow(b"example.org", **keys)) == expected
