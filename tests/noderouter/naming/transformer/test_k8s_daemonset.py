"""Linker to linker: addresses become the gateways of their nodes."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio

from dtab import Bound, Leaf, Path
from noderouter.core.addr import GATEWAY, Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.var import Var
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.k8s_daemonset import Daemonset
from tests.noderouter.kubernetes.conftest import QUICK
from tests.testing.api_server import ApiServer, api_server
from tests.testing.kube import endpoint, endpoint_slice, port, service
from tests.testing.loop import until


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        running.store.put("services", service("l5d", port(4141, name="incoming"), namespace="linkerd"))
        gateways = [endpoint("10.1.1.9", nodeName="n1"), endpoint("10.1.2.9", nodeName="n2"), endpoint("10.9.9.9")]
        running.store.put("endpointslices", endpoint_slice("l5d", gateways, {"incoming": 4141}, namespace="linkerd"))
        yield running


@pytest.fixture
async def kube(runtime: Runtime, nursery: trio.Nursery, log) -> AsyncIterator[Runtime]:
    yield replace(runtime, clusters=Clusters(nursery.start_soon, log, QUICK))
    nursery.cancel_scope.cancel()


def daemonset(kube, server, **keys):
    keys = {"namespace": "linkerd", "service": "l5d", "port": "incoming"} | keys
    kind = Daemonset(kind="io.l5d.k8s.daemonset", k8sHost="127.0.0.1", k8sPort=server.port, **keys)
    return kind.build(kube)


def on(ip, node=None):
    return Address(ip, 80, meta=(("nodeName", node),) if node else ())


async def through(transformer, source: Var[Addr], expected: Addr | set[str]):
    """Wait until that is what the transformer makes of an address set."""
    bound = Bound(Path.of("#", "x"), Path(), source)
    leaf = transformer.transform(Leaf(bound))
    assert leaf.value.id == transformer.prefix + bound.id
    var = leaf.value.addr
    var.hold()

    def is_expected():
        value = var.value
        shown = {str(each) for each in value.addresses} if isinstance(value, AddrBound) else value
        return shown == expected

    try:
        await until(is_expected)
    finally:
        var.release()


async def test_by_network(kube, server):
    transformer = daemonset(kube, server)
    assert transformer.prefix.show() == "/%/io.l5d.k8s.daemonset/linkerd/incoming/l5d"
    source = Var(AddrBound(frozenset((on("10.1.1.5"), on("10.1.1.6"), on("10.1.2.5"), on("10.1.3.5")))))
    await through(transformer, source, {"10.1.1.9:4141", "10.1.2.9:4141"})


async def test_by_node(kube, server):
    transformer = daemonset(kube, server, hostNetwork=True)
    source = Var(AddrBound(frozenset((on("10.1.2.5", "n1"), on("10.5.5.5", "n1"), on("10.1.2.6")))))
    await through(transformer, source, {"10.1.1.9:4141"})


async def test_where_nobody_is_near_the_address_is_negative(kube, server):
    source = Var(AddrBound(frozenset((on("10.7.7.7"),))))
    await through(daemonset(kube, server), source, AddrNeg())
    await through(daemonset(kube, server, hostNetwork=True), source, AddrNeg())


async def test_without_the_service_everything_is_negative(kube, server):
    source = Var(AddrBound(frozenset((on("10.1.1.5"),))))
    await through(daemonset(kube, server, service="none"), source, AddrNeg())


async def test_or_directly_where_no_gateway_is_near(kube, server):
    """Each address by itself: what is on no node, and what is on one whose gateway is away."""
    transformer = daemonset(kube, server, hostNetwork=True, orDirect=True)
    source = Var(AddrBound(frozenset((on("10.1.1.5", "n1"), on("10.1.3.5", "n3"), on("192.0.2.1")))))
    await through(transformer, source, {"10.1.1.9:4141", "10.1.3.5:80", "192.0.2.1:80"})
    leaf = transformer.transform(Leaf(Bound(Path.of("#", "x"), Path(), source)))
    var = leaf.value.addr
    var.hold()
    asked = {str(address): GATEWAY in address.meta for address in var.value.addresses}
    var.release()
    assert asked == {"10.1.1.9:4141": True, "10.1.3.5:80": False, "192.0.2.1:80": False}


async def test_directly_while_a_gateway_is_away(kube, server):
    transformer = daemonset(kube, server, hostNetwork=True, orDirect=True)
    source = Var(AddrBound(frozenset((on("10.1.1.5", "n1"),))))
    await through(transformer, source, {"10.1.1.9:4141"})
    for gateways, expected in (([], "10.1.1.5:80"), ([endpoint("10.1.1.9", nodeName="n1")], "10.1.1.9:4141")):
        away = endpoint_slice("l5d", gateways, {"incoming": 4141}, namespace="linkerd")
        server.store.put("endpointslices", away)
        await through(transformer, source, {expected})


async def test_directly_where_there_are_no_gateways_at_all(kube, server):
    source = Var(AddrBound(frozenset((on("10.1.1.5", "n1"),))))
    await through(daemonset(kube, server, service="none", orDirect=True), source, {"10.1.1.5:80"})


async def test_gateways_come_and_go(kube, server):
    transformer = daemonset(kube, server)
    source = Var(AddrBound(frozenset((on("10.1.1.5"),))))
    await through(transformer, source, {"10.1.1.9:4141"})
    moved = endpoint_slice("l5d", [endpoint("10.1.1.10", nodeName="n1")], {"incoming": 4141}, namespace="linkerd")
    server.store.put("endpointslices", moved)
    await through(transformer, source, {"10.1.1.10:4141"})


async def test_while_the_gateways_are_not_known_nothing_is(kube, server):
    server.faults.slow_list = 0.1
    transformer = daemonset(kube, server)
    source = Var(AddrBound(frozenset((on("10.1.1.5"),))))
    var = transformer.transform(Leaf(Bound(Path.of("#", "x"), Path(), source))).value.addr
    var.hold()
    assert var.value == AddrPending()
    var.release()
    await through(transformer, source, {"10.1.1.9:4141"})


@pytest.mark.parametrize("addr", [AddrPending(), AddrNeg(), AddrFailed("x")])
async def test_what_is_not_bound_is_passed_on(kube, server, addr):
    await through(daemonset(kube, server), Var(addr), addr)
    assert server.requests == []


async def test_ipv6_is_near_by_64_bits(kube, server):
    gateway = endpoint_slice("l5d", ["fd00:0:0:1::9"], {"incoming": 4141}, namespace="linkerd", family="IPv6")
    server.store.put("endpointslices", gateway)
    source = Var(AddrBound(frozenset((on("fd00:0:0:1::5"),))))
    await through(daemonset(kube, server), source, {"[fd00:0:0:1::9]:4141"})


async def test_the_admin_interface_shows_the_gateways(kube, server):
    transformer = daemonset(kube, server)
    await through(transformer, Var(AddrBound(frozenset((on("10.1.1.5"),)))), {"10.1.1.9:4141"})
    shown = transformer.state()["endpoints"]["linkerd/l5d"]
    assert [each["nodeName"] for each in shown["state"]["value"]["endpoints"]] == ["n1", "n2", ""]


def test_two_ways_to_the_api_are_refused():
    with pytest.raises(ValueError, match="kubeconfig"):
        Daemonset(
            kind="io.l5d.k8s.daemonset",
            namespace="a",
            service="b",
            port="c",
            k8sPort=8001,
            kubeconfig="/etc/kubeconfig",
        )
