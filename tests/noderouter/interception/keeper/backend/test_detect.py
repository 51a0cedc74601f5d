"""Which backend, by where kube-proxy's rules live; on real nodes of each kind."""

import pytest

from noderouter.interception.keeper.backend.detect import backends, choose, kube_proxy
from tests.cluster.node.namespaces import inside

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("kind", "auto", "iptables"),
    [
        ("nftables", "nftables", "iptables-nft"),
        ("iptables-nft", "nftables", "iptables-nft"),
        ("iptables-legacy", "iptables-legacy", "iptables-legacy"),
    ],
)
def test_by_kube_proxy(make_network, kind, auto, iptables):
    network = make_network(kind)
    with inside(network.node):
        assert kube_proxy() == kind
        backend, reason = choose("auto")
        assert (backend.name, kind in reason) == (auto, True)
        assert choose("iptables")[0].name == iptables
        assert choose("nft")[0].name == "nftables"
        assert ("iptables-legacy" in [each.name for each in backends()]) == (kind == "iptables-legacy")


def test_without_kube_proxy(make_network):
    network = make_network()
    with inside(network.outside):
        assert kube_proxy() == ""
        assert choose("auto")[0].name == "nftables"
        assert choose("iptables")[0].name == "iptables-nft"


def test_without_nft(make_network, monkeypatch, tmp_path):
    network = make_network()
    for command in ("ipset", "iptables-nft-save", "ip6tables-nft-save"):
        (tmp_path / command).symlink_to(f"/usr/sbin/{command}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("noderouter.interception.keeper.backend.command._ENVIRONMENT", {"PATH": "/nowhere"})
    with inside(network.outside):
        backend, reason = choose("auto")
    assert backend.name == "iptables-nft"
    assert "install nftables" in reason
