"""What captured connections had dialled: in namespaces, by the keeper's own rules and by TPROXY, on listeners of every
kind.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from noderouter.interception.keeper.rules import nftables
from noderouter.interception.keeper.rules.ruleset import ruleset
from noderouter.proxy.capture.original_destination import local_destination, original_destination
from tests.cluster.node.namespaces import inside
from tests.testing.intercept_state import WANTED, policy
from tests.testing.pod_network import CAPTURE_PORT, CLIENT, NODE, OTHER_SERVICE, SERVICE, PodNetwork, dial

pytestmark = pytest.mark.root

HOUR_MS = 3_600_000
IPV6_TRANSPARENT = 75
LISTENERS = [("0.0.0.0", 4), ("::", 4), ("::", 6)]
"""Where it listens, and the family of who dials."""

DIVERT = f"""
table inet divert {{
    chain divert {{
        type filter hook prerouting priority mangle; policy accept;
        ip saddr {CLIENT[4]} ip daddr {SERVICE[4]} tcp dport 80 tproxy ip to :{CAPTURE_PORT} meta mark set 1 accept
        ip6 saddr {CLIENT[6]} ip6 daddr {SERVICE[6]} tcp dport 80 tproxy ip6 to :{CAPTURE_PORT} meta mark set 1 accept
    }}
    # Or else kube-proxy translates what was diverted: a connection is translated once.
    chain keep {{
        type nat hook prerouting priority dstnat - 10; policy accept;
        meta mark 1 meta l4proto tcp dnat ip to ip daddr : tcp dport
        meta mark 1 meta l4proto tcp dnat ip6 to ip6 daddr : tcp dport
    }}
}}
"""

REDIRECT = f"""
table inet output {{
    chain output {{
        type nat hook output priority -100; policy accept;
        tcp dport 81 redirect to :{CAPTURE_PORT}
    }}
}}
"""

TRACK = """
table inet track {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state new
    }
}
"""


@contextmanager
def listener(
    place: Path, address: str, *, transparent: bool = False, port: int = CAPTURE_PORT
) -> Iterator[socket.socket]:
    """A listening socket of a namespace; `::` is for both families."""
    six = ":" in address
    with inside(place), socket.socket(socket.AF_INET6 if six else socket.AF_INET) as sock:
        sock.settimeout(5)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if transparent:
            level, option = (socket.IPPROTO_IPV6, IPV6_TRANSPARENT) if six else (socket.SOL_IP, socket.IP_TRANSPARENT)
            sock.setsockopt(level, option, 1)
        sock.bind((address, port))
        sock.listen()
        yield sock


@contextmanager
def connected(server: socket.socket, place: Path, address: str, port: int) -> Iterator[socket.socket]:
    """The server's end of a connection from a namespace."""
    with dial(place, address, port), server.accept()[0] as sock:
        yield sock


@pytest.fixture
def network(make_network) -> PodNetwork:
    """A node whose capture port is free."""
    return make_network(listening=False)


@pytest.mark.parametrize(("address", "version"), LISTENERS)
def test_translated(network: PodNetwork, address: str, version: int) -> None:
    """By the keeper's rules: the service's address, whatever kind of listener; the socket's own is the node's."""
    network.run(network.node, ["nft", "-f", "-"], nftables.table(ruleset(policy(), WANTED), HOUR_MS))
    with listener(network.node, address) as server:
        for service, port in ((SERVICE, 80), (OTHER_SERVICE, 443)):
            with connected(server, network.pods["client"], service[version], port) as sock:
                assert original_destination(sock) == (service[version], port)
                assert local_destination(sock) == (NODE[version], CAPTURE_PORT)


@pytest.mark.parametrize(("address", "version"), LISTENERS)
def test_diverted(network: PodNetwork, address: str, version: int) -> None:
    """By TPROXY: the socket's own address is the service's, and nothing was translated."""
    network.run(network.node, ["nft", "-f", "-"], DIVERT)
    for family in ("", "-6 "):
        everything = "::/0" if family else "0.0.0.0/0"
        commands = f"{family}rule add fwmark 1 lookup 100", f"{family}route add local {everything} dev lo table 100"
        for command in commands:
            network.run(network.node, ["ip", *command.split()])
    with listener(network.node, address, transparent=True) as server:
        with connected(server, network.pods["client"], SERVICE[version], 80) as sock:
            assert local_destination(sock) == (SERVICE[version], 80)
            assert original_destination(sock) is None


@pytest.mark.parametrize(("address", "version"), LISTENERS)
def test_redirected_on_loopback(network: PodNetwork, address: str, version: int) -> None:
    """What a process of the namespace itself dials, by a rule in OUTPUT."""
    network.run(network.node, ["nft", "-f", "-"], REDIRECT)
    loopback = "::1" if version == 6 else "127.0.0.1"
    with listener(network.node, address) as server, connected(server, network.node, loopback, 81) as sock:
        assert original_destination(sock) == (loopback, 81)


@pytest.mark.parametrize(("address", "version"), LISTENERS)
@pytest.mark.parametrize("tracked", [True, False])
def test_direct(network: PodNetwork, address: str, version: int, tracked: bool) -> None:
    """Nothing was translated: conntrack says the socket's own address, or knows nothing."""
    place, own = (network.node, NODE) if tracked else (network.outside, {4: "127.0.0.1", 6: "::1"})
    if tracked:
        network.run(place, ["nft", "-f", "-"], TRACK)
    with listener(place, address, port=4144) as server, connected(server, place, own[version], 4144) as sock:
        assert original_destination(sock) is None
        assert local_destination(sock) == (own[version], 4144)


def test_a_link_local_address_has_no_scope(network: PodNetwork) -> None:
    """Services are not known by the link that leads to them."""
    with listener(network.node, "::") as server, inside(network.pods["client"]):
        scope = socket.if_nametoindex("eth0")
        with socket.socket(socket.AF_INET6) as client:
            client.settimeout(5)
            client.connect(("fe80::1", CAPTURE_PORT, 0, scope))
            with server.accept()[0] as sock:
                assert local_destination(sock) == ("fe80::1", CAPTURE_PORT)
                assert original_destination(sock) is None
