"""What is not meant to be captured is as if nothing of ours were there; and the capture port is no way in."""

import socket
from collections.abc import Callable

import pytest

from tests.cluster.node.namespaces import inside
from tests.intercept.asking import Said, datagram, get, line
from tests.intercept.conftest import ON_ALL, ON_ONE
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.objects import Port
from tests.intercept.world import ECHO_PORT, WEB_PORT, World
from tests.testing.pod_network import CAPTURE_PORT, NODE, OUTSIDE, dial

pytestmark = [pytest.mark.root, pytest.mark.parametrize("version", FAMILIES)]


def nothing_captured(world: World, asks: Callable[[], Said]) -> Said:
    """What is said, when neither keeper nor router may have seen the connection."""
    before = world.seen()
    said = asks()
    assert world.seen() == before
    assert not said.get("via")
    return said


@ON_ALL
def test_probes_of_the_node_are_not_captured(world: World, version: int, state):
    node, pod = world.node.network.node, world.web["hello"]

    def probe() -> Said:
        for _ in range(5):
            said = get(node, pod.addresses[version], WEB_PORT, "probe", "/healthz")
        return said

    said = nothing_captured(world, probe)
    assert (said["who"], said["path"]) == ("hello", "/healthz")
    with inside(node), socket.create_connection((pod.addresses[version], WEB_PORT)) as sock:
        assert said["peer"] == sock.getsockname()[0], "the node's own address towards this pod"
    if not world.variant.addressed:
        assert said["peer"] == NODE[version]
    state(f"peer {said['peer']}, captured 0")


@ON_ALL
def test_a_pod_reaches_its_own_service(world: World, version: int):
    said = world.get(world.web["hello"], world.hello, version)
    assert (said["who"], bool(said["via"])) == ("hello", True)


@ON_ALL
def test_a_pods_own_address_is_direct(world: World, version: int):
    said = nothing_captured(
        world, lambda: get(world.client.place, world.web["hello"].addresses[version], WEB_PORT, world.hello.host)
    )
    assert (said["who"], said["peer"]) == ("hello", world.client.addresses[version])


@ON_ALL
def test_node_ports_are_direct(world: World, version: int):
    port = world.hello.node_ports["http"]
    for place in (world.client.place, world.node.network.outside):
        said = nothing_captured(world, lambda place=place: get(place, NODE[version], port, world.hello.host))
        assert said["who"] == "hello"


@ON_ALL
def test_datagrams_are_direct(world: World, version: int):
    kind = socket.AF_INET if version == 4 else socket.AF_INET6
    with inside(world.client.place), socket.socket(kind, socket.SOCK_DGRAM) as sock:
        said = nothing_captured(world, lambda: datagram(sock, world.echo.addresses[version], ECHO_PORT))
    assert (said["who"], said["peer"]) == ("echo", world.client.addresses[version])


@ON_ALL
def test_whoever_has_opted_out_is_direct(world: World, version: int):
    said = nothing_captured(world, lambda: world.get(world.quiet, world.hello, version))
    assert (said["who"], said["peer"]) == ("hello", world.quiet.addresses[version])


@ON_ALL
def test_the_capture_port_refuses_whoever_dials_it(world: World, version: int):
    for place in (world.client.place, world.quiet.place, world.node.network.outside, world.node.network.node):
        with pytest.raises(ConnectionError):
            get(place, NODE[version], CAPTURE_PORT, world.hello.host)


@ON_ALL
def test_over_loopback_there_is_nothing_but_the_probe(world: World, version: int):
    loopback = "127.0.0.1" if version == 4 else "::1"
    for host in (world.hello.host, f"localhost:{WEB_PORT}"):
        said = get(world.node.network.node, loopback, CAPTURE_PORT, host)
        assert (said["status"], said.get("who")) == (421, None)


@ON_ALL
def test_a_connection_that_leads_to_the_router_itself_is_refused(world: World, version: int, state):
    """Somebody else's rule sends here what was dialled at the router: passed on, it would come back for ever."""
    node, word = world.node.network, "ip" if version == 4 else "ip6"
    target = NODE[4] if version == 4 else f"[{NODE[6]}]"
    table = f"table {word} loop"
    rule = f"{word} daddr {NODE[version]} tcp dport {{ 4140, 4144 }} dnat to {target}:{CAPTURE_PORT}"
    chain = f"chain pre {{ type nat hook prerouting priority -120; policy accept; {rule}; }}"
    node.run(node.node, ["nft", "-f", "-"], f"{table} {{\n{chain}\n}}\n")
    try:
        with pytest.raises(ConnectionError):
            get(world.client.place, NODE[version], 4140, f"{NODE[4]}:4140")
        state("reset")
    finally:
        node.run(node.node, ["nft", "delete", *table.split()])
    assert world.get(world.client, world.hello, version)["via"], "the router goes on"


@ON_ONE
def test_whoever_is_on_the_nodes_network_is_direct(world: World, version: int):
    pod = world.node.add_host_pod(f"host-{version}")
    try:
        world.node.in_force()
        said = nothing_captured(world, lambda: world.get(pod, world.hello, version))
        assert (said["who"], said["peer"]) == ("hello", NODE[version])
    finally:
        world.node.remove_pod(pod)


@ON_ONE
def test_kube_system_is_direct(world: World, version: int):
    world.node.objects.account("kube-system")
    pod = world.node.add_pod(f"system-{version}", "kube-system")
    try:
        world.node.in_force()
        said = nothing_captured(world, lambda: world.get(pod, world.hello, version))
        assert said["peer"] == pod.addresses[version]
    finally:
        world.node.remove_pod(pod)


@ON_ONE
def test_a_pod_that_opts_out_by_its_annotation_is_direct(world: World, version: int):
    pod = world.node.add_pod(f"shy-{version}", annotations={"noderouter.io/intercept": "disabled"})
    try:
        world.node.in_force()
        said = nothing_captured(world, lambda: world.get(pod, world.hello, version))
        assert said["peer"] == pod.addresses[version]
    finally:
        world.node.remove_pod(pod)


@ON_ONE
def test_an_undeclared_service_outside_is_direct(world: World, version: int):
    """What is no service of the cluster is not in scope."""
    outside = world.node.network.outside
    world.node.network.serve(outside, "outside", 8081, OUTSIDE[version])
    with dial(world.client.place, OUTSIDE[version], 8081) as sock, sock.makefile("rb") as stream:
        assert f'"peer": "{world.client.addresses[version]}"'.encode() in stream.readline()


@ON_ONE
def test_declared_opaque_by_annotation_is_passed_as_it_is(world: World, version: int):
    """A web server behind a port that its service declares as opaque: routed, and not looked into."""
    annotations = {"noderouter.io/opaque-ports": "80"}
    name = f"sealed-{version}"
    ports = [Port("web", 80, WEB_PORT)]
    sealed = world.node.add_service(name, ports, world.web["hello"], annotations=annotations)
    world.node.in_force()
    said = world.get(world.client, sealed, version)
    assert (said["who"], said["via"]) == ("hello", "")
    assert said["peer"] in NODE.values()


@ON_ONE
def test_lines_of_the_other_family_are_the_same(world: World, version: int):
    said = line(world.quiet.place, world.echo.addresses[version], ECHO_PORT)
    assert said["peer"] == world.quiet.addresses[version]
