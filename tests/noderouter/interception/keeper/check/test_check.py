"""The check tells a node that can capture from one that cannot, by real connections.

Covers `probe_link.py`, `probe_pod.py`.
"""

import json
import sys
from dataclasses import replace
from ipaddress import ip_address

import pytest

from noderouter.interception.keeper.backend.nft import Nft
from noderouter.interception.keeper.backend.xtables import CHECK_NAMES, Xtables
from noderouter.interception.keeper.check.check import TRANSLATORS, Finding, check, destinations, seen_by_a_pod
from tests.cluster.node.namespaces import inside
from tests.testing.intercept_state import CAPTURE, SERVICES
from tests.testing.pod_network import NODE, OTHER_SERVICE, SERVICE

pytestmark = pytest.mark.root

DIAL = [(SERVICES[0].address, 80), (SERVICES[2].address, 80)]


@pytest.mark.parametrize(
    ("kind", "backend"),
    [
        ("nftables", Nft("noderoutercheck")),
        ("iptables-nft", Xtables("nft", CHECK_NAMES)),
        ("iptables-legacy", Xtables("legacy", CHECK_NAMES)),
    ],
)
def test_a_node_that_can(make_network, kind, backend):
    network = make_network(kind)
    before = network.run(network.node, ["ip", "addr"])
    with inside(network.node):
        findings = check(backend, CAPTURE, DIAL)
    assert [finding.what for finding in findings if not finding.good] == []
    assert len(findings) == 6
    assert "noderouter" not in network.dump().lower()
    assert network.run(network.node, ["ip", "addr"]).count("\n") == before.count("\n")


@pytest.mark.parametrize(
    ("kind", "backend"),
    [
        ("iptables-nft", Nft("noderoutercheck")),
        ("iptables-nft", Xtables("nft", CHECK_NAMES)),
        ("iptables-legacy", Xtables("legacy", CHECK_NAMES)),
    ],
)
def test_a_node_whose_cluster_ips_are_its_own_addresses(make_network, monkeypatch, kind, backend):
    """As with kube-proxy in IPVS mode; what is dialled is one of them, whatever the environment says."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    network = make_network(kind, ipvs_mode=True)
    with inside(network.node):
        places = destinations(CAPTURE)
        findings = check(backend, CAPTURE, places)
    assert {str(address) for address, _ in places} <= {*SERVICE.values(), *OTHER_SERVICE.values()}
    assert [finding.what for finding in findings if not finding.good] == []
    assert len(findings) == 6
    assert "noderouter" not in network.dump().lower()


def test_a_node_whose_firewall_drops_what_pods_send_to_it(make_network):
    network = make_network()
    drop = "table ip f {\nchain in { type filter hook input priority 0; policy drop; }\n}\n"
    network.run(network.node, ["nft", "-f", "-"], drop)
    with inside(network.node):
        findings = check(Nft("noderoutercheck"), CAPTURE, DIAL[:1])
    assert not findings[0].good
    assert "firewall" in findings[0].advice


@pytest.mark.parametrize(("link", "who"), TRANSLATORS.items())
def test_a_network_that_translates_where_the_stand_in_is_not(make_network, link, who):
    """The probe pod's own connections pass netfilter, those of pods do not."""
    network = make_network()
    network.ip(network.node, f"link add {link} type bridge")
    with inside(network.node):
        findings = check(Nft("noderoutercheck"), CAPTURE, DIAL[:1])
    (wrong,) = (finding for finding in findings if not finding.good)
    assert wrong.what == f"there is a link {link}: {who} translates cluster IPs before any rule of the node sees them"


def test_rules_that_another_translates_before(make_network):
    network = make_network()
    early = f"""table ip early {{ chain pre {{ type nat hook prerouting priority -150; policy accept;
        ip daddr {SERVICE[4]} tcp dport 80 dnat to 203.0.113.9:80
    }}
    }}
    """
    network.run(network.node, ["nft", "-f", "-"], early)
    with inside(network.node):
        findings = check(Nft("noderoutercheck"), CAPTURE, DIAL[:1])
    assert not findings[0].good


def test_the_command(make_network):
    network = make_network()
    command = [sys.executable, "-m", "noderouter.cli", "intercept", "check", "--node-ip", NODE[4]]
    said = network.run(network.node, [*command, "--destination", f"{SERVICE[4]}:80"])
    assert said.count("ok: ") == 3
    assert "FAILED" not in said


def test_an_address_of_another_machine(make_network):
    network = make_network()
    capture = replace(CAPTURE, ipv4=ip_address("203.0.113.77"))
    with inside(network.node):
        (finding,) = check(Nft("noderoutercheck"), capture, DIAL[:1])
    assert not finding.good
    assert finding.what == "cannot listen at 203.0.113.77: Cannot assign requested address"
    assert "--node-ip" in finding.advice
    assert "noderouter" not in network.dump().lower()


def test_what_is_dialled(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert [str(address) for address, _ in destinations(CAPTURE)] == ["198.19.255.254", "2001:db8:ffff::1"]
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    address, port = destinations(CAPTURE)[0]
    assert (str(address), port) == ("10.96.0.1", 443)


def test_the_stand_in_without_permission(make_network):
    network = make_network()
    said = network.run(
        network.node,
        ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", "sh", "-c",
         f"{sys.executable} -m noderouter.interception.keeper.check.probe_pod || true"],
    )  # fmt: skip
    assert "Operation not permitted" in json.loads(said)["error"]


ARMED = {"armed": True, "why": "", "services": 7, "pods": 3}


@pytest.mark.parametrize(
    ("good", "keeper", "words"),
    [
        (True, ARMED, "has its connections to 7 ports of Services captured once the router has listed it"),
        (True, ARMED | {"armed": False, "why": "no router is connected"}, "directly now: no router is connected"),
        (True, None, "directly now: no keeper runs"),
        (False, ARMED, "directly, or not as it should"),
    ],
)
def test_it_ends_with_what_a_pod_would_see(good, keeper, words):
    assert words in seen_by_a_pod([Finding(True, "armed"), Finding(good, "removed")], keeper)
