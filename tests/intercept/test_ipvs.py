"""Services whose addresses are the node's own, as kube-proxy in IPVS mode has them: captured like all others."""

from collections.abc import Iterator

import pytest

from tests.intercept.asking import get
from tests.intercept.configuration import OUTGOING_PORT
from tests.intercept.conftest import ON_EACH_BACKEND
from tests.intercept.mesh_node import FAMILIES, Service
from tests.intercept.objects import Port
from tests.intercept.world import WEB_PORT, World, Worlds
from tests.testing.pod_network import CAPTURE_PORT, IPVS_LINK

pytestmark = [pytest.mark.root, ON_EACH_BACKEND]

PORTS = (80, OUTGOING_PORT, CAPTURE_PORT)
"""Two of them are ports at which the router listens on every address of the node."""


@pytest.fixture
def service(world: World, worlds: Worlds) -> Iterator[Service]:
    """A Service on the interface of IPVS, which a pod of `hello` is behind."""
    node = world.node
    ports = [Port(f"http-{number}", number, WEB_PORT) for number in PORTS]
    service = node.add_service("on-the-node", ports, world.web["hello"])
    node.network.ip(
        node.network.node,
        f"link add {IPVS_LINK} type bridge",
        f"link set {IPVS_LINK} up",
        *(f"addr add {address} dev {IPVS_LINK}{' nodad' * (':' in address)}" for address in service.addresses.values()),
    )
    node.in_force()
    yield service
    if not worlds.has(node):  # it has ended with the failure
        return
    node.network.ip(node.network.node, f"link del {IPVS_LINK}")
    node.services.remove(service)
    node.proxied()
    node.objects.delete(f"/api/v1/namespaces/{node.space}/services/on-the-node")
    for version in FAMILIES:
        node.objects.delete(f"/apis/discovery.k8s.io/v1/namespaces/{node.space}/endpointslices/on-the-node-{version}")


def test_requests_are_routed(world: World, service: Service):
    for version in FAMILIES:
        for port in PORTS:
            said = get(world.client.place, service.addresses[version], port, service.host)
            assert (said["who"], bool(said["via"])) == ("hello", True)
