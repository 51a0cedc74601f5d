import pytest

from dtab import Path
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.errors import OverloadError
from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_2
from noderouter.proxy.identifier import token
from noderouter.proxy.identifier.k8s_host import K8sHost
from noderouter.proxy.identifier.kind import Unidentified
from tests.testing.reply import make_exchange, recorded

PODS = {"10.1.0.1": b"shop", "10.1.0.2": b"default", "fd00::1": b"shop"}


def said(host: bytes | None, peer: str = "10.1.0.1") -> Exchange:
    exchange = make_exchange(authority=host)
    recorded(exchange).comes((peer, 40_000))
    return exchange


@pytest.fixture
def clients() -> ClientNamespaces:
    known = ClientNamespaces()
    known.replace(PODS)
    return known


@pytest.fixture
def identifier(clients):
    return K8sHost(kind="io.l5d.k8s.host").build_for(Path.of("svc"), clients)


@pytest.mark.parametrize(
    ("host", "peer", "name"),
    [
        (b"web", "10.1.0.1", "/svc/web/in:shop"),
        (b"Web:8080", "fd00::1", "/svc/Web:8080/in:shop"),
        (b"web", "10.1.0.2", "/svc/web"),  # of `default`, which is meant in any case
        (b"web", "192.0.2.1", "/svc/web"),  # of nobody knows where
        (b"web.shop", "10.1.0.1", "/svc/web.shop"),
        (b"10.1.2.3:80", "10.1.0.1", "/svc/10.1.2.3:80"),
    ],
)
def test_a_host_without_a_dot_is_that_of_the_clients_namespace(identifier, host, peer, name):
    assert identifier.identify(said(host, peer)) == Path.parse(name)
    assert identifier.identify(said(host, peer)) is identifier.identify(said(host, peer))


def test_addresses_of_ipv6_are_no_short_hosts(identifier):
    assert identifier.identify(said(b"[fd00::9]:80")) == Path.of("svc", "[fd00::9]:80")


def test_clients_take_no_name_from_each_other(identifier):
    assert identifier.identify(said(b"web", "10.1.0.2")) == Path.of("svc", "web")
    assert identifier.identify(said(b"web", "10.1.0.1")) == Path.of("svc", "web", "in:shop")
    assert identifier.identify(said(b"web", "10.1.0.2")) == Path.of("svc", "web")


def test_a_pod_that_comes_is_known_at_once(identifier, clients):
    assert identifier.identify(said(b"web", "10.1.0.3")) == Path.of("svc", "web")
    clients.replace({**PODS, "10.1.0.3": b"prod"})
    assert identifier.identify(said(b"web", "10.1.0.3")) == Path.of("svc", "web", "in:prod")


def test_before_pods_are_known_nobody_is_taken_for_somebody_else(identifier, clients):
    """Else the first requests of `shop` would go to `default`."""
    clients.expect()
    with pytest.raises(OverloadError, match="not known yet"):
        identifier.identify(said(b"web"))
    assert identifier.identify(said(b"web.shop")) == Path.of("svc", "web.shop")
    clients.replace(PODS)
    assert identifier.identify(said(b"web")) == Path.of("svc", "web", "in:shop")


def test_where_no_client_is_known_it_is_the_host():
    identifier = K8sHost(kind="io.l5d.k8s.host").build(Path.of("svc"))
    assert identifier.identify(said(b"web")) == Path.of("svc", "web")
    assert identifier.identify(said(None)) == Unidentified("Host header is absent")


def test_http_2_is_named_as_http_1_is(identifier):
    exchange = said(b"web")
    exchange.version = HTTP_2
    assert identifier.identify(exchange) == Path.of("svc", "web", "in:shop")
    exchange.authority = None
    assert identifier.identify(exchange) == Unidentified(":authority header is absent")


def test_made_up_hosts_do_not_fill_the_memory(identifier, monkeypatch):
    monkeypatch.setattr(token, "MAX_CACHED", 10)
    for number in range(100):
        identifier.identify(said(b"web-%d" % number))
        identifier.identify(said(b"web-%d.shop" % number))
        identifier.identify(said(b"x" * 300))
        assert len(identifier._paths) <= 10
        assert len(identifier._short) <= 10
