"""Asks a real kernel."""

from ipaddress import ip_address

import pytest

from noderouter.interception.keeper.route import exists, interface_of
from noderouter.interception.keeper.state import Interface
from tests.cluster.node.namespaces import inside
from tests.testing.pod_network import CLIENT, NODE

pytestmark = pytest.mark.root


def test_a_route_for_one_address_says_which_link(make_network):
    network = make_network()
    with inside(network.node):
        found = [interface_of(ip_address(CLIENT[version])) for version in (4, 6)]
        assert found[0] == found[1] is not None
        assert found[0].name == "caliclient"
        assert exists(found[0])
        assert not exists(Interface(found[0].index, "calibackend"))
        # its own address, the default route, a route of a whole network
        for address in (NODE[4], NODE[6], "203.0.113.1", "192.0.2.77", "2001:db8::1"):
            assert interface_of(ip_address(address)) is None
    network.remove_pod("client")
    with inside(network.node):
        assert not exists(found[0])
        assert interface_of(ip_address(CLIENT[4])) is None


def test_a_bridge_does_not_say(make_network):
    network = make_network()
    network.ip(network.node, "link add cni0 type bridge", "link set cni0 up", "addr add 10.245.0.1/24 dev cni0")
    with inside(network.node):
        assert interface_of(ip_address("10.245.0.7")) is None
