"""Names of Kubernetes, as the dtab and the balancer see them, on EndpointSlices.

Covers `k8s_namer.py`, `k8s_ns.py`, `k8s_external.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio

from dtab import NEG, Failed, Ok, Path, Pending
from noderouter.core.addr import AddrNeg
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.namer.k8s import K8s
from noderouter.naming.namer.k8s_external import K8sExternal
from noderouter.naming.namer.k8s_ns import K8sNs
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.environment import EnvironmentMissing
from tests.noderouter.kubernetes.conftest import QUICK
from tests.noderouter.naming.name import Name
from tests.testing.api_server import ApiServer, api_server
from tests.testing.kube import draining, endpoint, endpoint_slice, not_ready, port, service
from tests.testing.loop import until


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def kube(runtime: Runtime, nursery: trio.Nursery, log) -> AsyncIterator[Runtime]:
    """A runtime whose clusters are impatient."""
    made = replace(runtime, clusters=Clusters(nursery.start_soon, log, QUICK))
    yield made
    nursery.cancel_scope.cancel()


def namer(kube, server, cls: type[NamerKind] = K8s, **keys):
    return cls(kind=cls.kind_name, host="127.0.0.1", port=server.port, **keys).build(kube)


@pytest.fixture
def k8s(kube, server):
    return namer(kube, server)


def put(server, *things):
    for thing in things:
        server.store.put({"Service": "services", "EndpointSlice": "endpointslices"}[thing["kind"]], thing)


HTTP = port(80, "http", "http")


async def test_a_port_by_name(server, k8s):
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1", "10.0.0.2"]))
    with Name(k8s, "/default/http/hello/rest") as name:
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080")
        bound = name.bound
        assert bound.id == Path.parse("/#/io.l5d.k8s/default/http/hello")
        assert bound.residual == Path.parse("/rest")


async def test_it_is_pending_until_the_api_has_answered(server, k8s):
    server.faults.slow_list = 0.1
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
    with Name(k8s, "/default/http/hello") as name:
        assert name.answer == Pending()
        await name.is_bound("10.0.0.1:8080")


async def test_upper_and_lower_case_are_the_same(server, k8s):
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
    with Name(k8s, "/DeFault/HTTP/Hello") as name, Name(k8s, "/default/http/hello") as other:
        await name.is_bound("10.0.0.1:8080")
        assert name.bound == other.bound
        assert name.bound.addr is other.bound.addr
        assert name.bound.id.show() == "/#/io.l5d.k8s/default/http/hello"


IMPOSSIBLE = """
    / /default /default/http /com:443/80/google /default/http/hel_lo /default/ht%20p/x /default/http/a.b.c
    /default/http/.hello /d\\xc3\\xa4/http/hello /default/999999/x
"""


@pytest.mark.parametrize("path", [*IMPOSSIBLE.split(), "/default/http/" + "x" * 64])
async def test_what_cannot_exist_is_neg_and_nobody_is_asked(server, k8s, path):
    with Name(k8s, path) as name:
        assert name.answer == Ok(NEG)
    assert server.requests == []


async def test_pods_come_and_go_without_binding_again(server, k8s):
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        bindings = name.version
        put(server, endpoint_slice("hello", ["10.0.0.1", "10.0.0.2"]))
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080")
        put(server, endpoint_slice("hello", ["10.0.0.2"]))
        await name.is_bound("10.0.0.2:8080")
        assert name.version == bindings


async def test_present_but_none_ready_is_bound_to_nothing(server, k8s):
    put(server, service("hello", HTTP), endpoint_slice("hello", [not_ready("10.0.0.1")]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound()
        put(server, endpoint_slice("hello", ["10.0.0.1"]))
        await name.is_bound("10.0.0.1:8080")


async def test_no_such_service_is_neg_and_then_it_comes(server, k8s):
    put(server, service("other", HTTP))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_neg()
        put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
        await name.is_bound("10.0.0.1:8080")
        server.store.delete("services", "hello")
        await name.is_neg()
        server.store.delete("endpointslices", "hello-abcde")
        put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.9"]))
        await name.is_bound("10.0.0.9:8080")


async def test_made_up_names_cost_the_api_nothing(server, k8s):
    put(server, service("hello", HTTP))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_neg()
        asked = len(server.requests)
        for number in range(50):
            with Name(k8s, f"/ns-{number}/http/made-up-{number}") as made_up:
                assert made_up.answer == Ok(NEG)
        assert len(server.requests) == asked


async def test_scaled_to_zero_and_back(server, k8s):
    """Without pods a slice has no ports: the port is not known, so there is a fallback, as in Linkerd."""
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        empty = endpoint_slice("hello", [], {}) | {"endpoints": None, "ports": None}
        put(server, empty)
        await name.is_neg()
        put(server, endpoint_slice("hello", ["10.0.0.7"]))
        await name.is_bound("10.0.0.7:8080")


async def test_several_slices_with_other_ports(server, k8s):
    put(
        server,
        service("hello", HTTP),
        endpoint_slice("hello", ["10.0.0.1", "10.0.0.2"], {"http": 8080, "admin": 9990}, suffix="a"),
        endpoint_slice("hello", ["10.0.0.3", "10.0.0.2"], {"http": 9090}, suffix="b"),
        endpoint_slice("hello-2", ["10.0.0.4"], suffix="a"),
    )
    with Name(k8s, "/default/http/hello") as name, Name(k8s, "/default/admin/hello") as admin:
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:9090", "10.0.0.2:9090")
        await admin.is_bound("10.0.0.1:9990", "10.0.0.2:9990")
        server.store.delete("endpointslices", "hello-a")
        await name.is_bound("10.0.0.3:9090", "10.0.0.2:9090")
        await admin.is_neg()


async def test_a_host_in_two_slices_is_one_address(server, k8s):
    put(server, service("hello", HTTP))
    put(server, endpoint_slice("hello", ["10.0.0.1"], suffix="a"))
    put(server, endpoint_slice("hello", [endpoint("10.0.0.1", zone="a")], suffix="b"))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")


async def test_both_families_are_one_address_for_each_pod(server, k8s):
    put(server, service("hello", HTTP, ipFamilies=["IPv6", "IPv4"]))
    put(server, endpoint_slice("hello", [endpoint("10.0.0.1", uid="a"), endpoint("10.0.0.2", uid="b")], suffix="4"))
    put(server, endpoint_slice("hello", [endpoint("fd00::1", uid="a")], suffix="6", family="IPv6"))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("[fd00::1]:8080", "10.0.0.2:8080")
        put(server, service("hello", HTTP, ipFamilies=["IPv4", "IPv6"]))
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080")


async def test_those_that_terminate_serve_when_nobody_else_does(server, k8s):
    put(server, service("hello", HTTP))
    put(server, endpoint_slice("hello", ["10.0.0.1", draining("10.0.0.2"), not_ready("10.0.0.3")]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        put(server, endpoint_slice("hello", [draining("10.0.0.1"), draining("10.0.0.2"), not_ready("10.0.0.3")]))
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080")


async def test_unknown_conditions_are_ready(server, k8s):
    put(server, service("hello", HTTP))
    put(server, endpoint_slice("hello", [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": {}}]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080")


async def test_what_is_known_of_an_address(server, k8s):
    one = endpoint("10.0.0.1", nodeName="n1", zone="z1", hints={"forZones": [{"name": "z1"}, {"name": "z2"}]})
    put(server, service("hello", HTTP), endpoint_slice("hello", [one]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        (address,) = name.addr.addresses
        assert dict(address.meta) == {"nodeName": "n1", "zone": "z1", "pod": "pod-10-0-0-1", "uid": "uid-10.0.0.1"}
        assert address.hints == ("z1", "z2")
        put(server, endpoint_slice("hello", [endpoint("10.0.0.1", nodeName="n1", zone="z1", uid="another")]))
        await until(lambda: name.addr.addresses != frozenset((address,)))


async def test_a_single_unnamed_port_has_any_name(server, k8s):
    put(server, service("hello", port(80, 8080)), endpoint_slice("hello", ["10.0.0.1"], {None: 8080}))
    with Name(k8s, "/default/http/hello") as name, Name(k8s, "/default/80/hello") as number:
        await name.is_bound("10.0.0.1:8080")
        await number.is_bound("10.0.0.1:8080")


async def test_a_port_by_number(server, k8s):
    put(
        server,
        service("hello", port(80, 8080, "http"), port(81, "admin", "adm"), port(82), port(53, 53, "dns", "UDP")),
        endpoint_slice("hello", ["10.0.0.1"], {"http": 8080, "adm": 9990, "plain": 82}),
    )
    expected = {"80": "10.0.0.1:8080", "81": "10.0.0.1:9990", "82": "10.0.0.1:82"}
    for number, address in expected.items():
        with Name(k8s, f"/default/{number}/hello") as name:
            await name.is_bound(address)
    for number in ("8080", "53", "0"):
        with Name(k8s, f"/default/{number}/hello") as name:
            await name.is_neg()


async def test_a_target_by_name_follows_the_slices(server, k8s):
    """The port of the pods may have another number in each slice; the Service's name for it finds them all."""
    put(server, service("hello", port(80, "web", "http")))
    put(server, endpoint_slice("hello", ["10.0.0.1"], {"http": 8080}, suffix="a"))
    put(server, endpoint_slice("hello", ["10.0.0.2"], {"http": 8081}, suffix="b"))
    with Name(k8s, "/default/80/hello") as name:
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8081")
        put(server, service("hello", port(90, "web", "http")))
        await name.is_neg()


async def test_by_number_a_service_is_bound_even_without_pods(server, k8s):
    """Whatever the number leads to: else a Service that is scaled to zero would be looked for elsewhere, as in DNS."""
    put(server, service("hello", port(80, 8080, "http"), port(81, "named", "x")))
    with Name(k8s, "/default/80/hello") as number, Name(k8s, "/default/81/hello") as by_name:
        await number.is_bound()
        await by_name.is_bound()
        put(server, endpoint_slice("hello", ["10.0.0.1"], {"http": 8080, "x": 8081}))
        await number.is_bound("10.0.0.1:8080")
        await by_name.is_bound("10.0.0.1:8081")
        put(server, endpoint_slice("hello", [], {}) | {"endpoints": None, "ports": None})
        await number.is_bound()
        await by_name.is_bound()


async def test_manual_endpoints(server, k8s):
    put(server, service("db", port(5432)), endpoint_slice("db", [endpoint("192.0.2.1", pod=None)], {None: 5432}))
    with Name(k8s, "/default/5432/db") as name:
        await name.is_bound("192.0.2.1:5432")


async def test_one_host_of_a_headless_service(server, k8s):
    put(server, service("web", HTTP, clusterIP="None"))
    hosts = [endpoint("10.0.0.1", hostname="web-0"), not_ready("10.0.0.2", hostname="web-1")]
    put(server, endpoint_slice("web", hosts))
    with Name(k8s, "/default/http/web-0.web") as zero, Name(k8s, "/default/http/web-1.web") as one:
        await zero.is_bound("10.0.0.1:8080")
        await until(lambda: isinstance(one.answer, Ok) and one.answer.tree is not NEG)
        assert one.addr == AddrNeg("the pod web-1 of the Service web in the namespace default is not ready")
        with Name(k8s, "/default/80/web-0.web") as number, Name(k8s, "/default/pg/web-0.web") as no_port:
            await number.is_bound("10.0.0.1:8080")
            await no_port.is_neg()
        put(server, endpoint_slice("web", [endpoint("10.0.0.9", hostname="web-0")]))
        await zero.is_bound("10.0.0.9:8080")


@pytest.mark.parametrize("port", ["http", "80", "pg", "5432"])
async def test_a_host_that_a_service_lacks_is_bound_to_nothing_and_says_so(server, k8s, port):
    """It is never looked for elsewhere, whatever the dtab falls back to: not in DNS, and not among its siblings."""
    put(server, service("web", HTTP, clusterIP="None"))
    with Name(k8s, f"/default/{port}/web-1.web") as one, Name(k8s, f"/default/{port}/web-1.other") as other:
        await until(lambda: one.addresses() is None and isinstance(one.answer, Ok) and one.answer.tree is not NEG)
        assert one.addr == AddrNeg("the Service web in the namespace default has no pod web-1")
        await other.is_neg()
        put(server, endpoint_slice("web", [endpoint("10.0.0.1", hostname="web-0")]))
        await until(lambda: len(server.requests) >= 2)
        assert one.addr == AddrNeg("the Service web in the namespace default has no pod web-1")


async def test_a_host_comes_and_goes_without_binding_again(server, k8s):
    put(server, service("web", HTTP, clusterIP="None"))
    zero, one = endpoint("10.0.0.1", hostname="web-0"), endpoint("10.0.0.2", hostname="web-1")
    put(server, endpoint_slice("web", [zero, one]))
    with Name(k8s, "/default/http/web-1.web") as name:
        await name.is_bound("10.0.0.2:8080")
        bindings = name.version
        put(server, endpoint_slice("web", [zero]))
        await until(lambda: isinstance(name.addr, AddrNeg))
        put(server, endpoint_slice("web", [zero, endpoint("10.0.0.3", hostname="web-1")]))
        await name.is_bound("10.0.0.3:8080")
        assert name.version == bindings


async def test_external_names_are_resolved(server, k8s, dns):
    dns.answers["db.example.com"] = frozenset(("192.0.2.7",))
    external = service("db", port(5432, name="pg"), type="ExternalName", externalName="db.example.com")
    put(server, external)
    with Name(k8s, "/default/pg/db") as name, Name(k8s, "/default/443/db") as number:
        await name.is_bound("192.0.2.7:5432")
        await number.is_bound("192.0.2.7:443")
    with Name(k8s, "/default/http/db") as name:
        await name.is_neg()


async def test_a_service_becomes_external(server, k8s, dns):
    dns.answers["db.example.com"] = frozenset(("192.0.2.7",))
    put(server, service("db", HTTP), endpoint_slice("db", ["10.0.0.1"]))
    with Name(k8s, "/default/http/db") as name:
        await name.is_bound("10.0.0.1:8080")
        put(server, service("db", HTTP, type="ExternalName", externalName="db.example.com"))
        await name.is_bound("192.0.2.7:80")
        put(server, service("db", HTTP, type="ExternalName", externalName="gone.example.com"))
        await until(lambda: name.addr == AddrNeg())


async def test_a_label_value_in_the_path(kube, server):
    k8s = namer(kube, server, labelSelector="version")
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"], labels={"version": "V1"}))
    with Name(k8s, "/default/http/hello/v1/rest") as one, Name(k8s, "/default/http/hello/v2") as two:
        await one.is_bound("10.0.0.1:8080")
        assert one.bound.id.show() == "/#/io.l5d.k8s/default/http/hello/v1"
        assert one.bound.residual.show() == "/rest"
        await two.is_neg()
    with Name(k8s, "/default/http/hello") as short:
        assert short.answer == Ok(NEG)


async def test_an_outage_is_never_an_answer(server, nursery, k8s):
    put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
    with Name(k8s, "/default/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        server.away()
        await until(lambda: k8s.state()["cluster"]["watches"][0]["error"])
        await name.is_bound("10.0.0.1:8080")
        put(server, endpoint_slice("hello", ["10.0.0.2"]))
        await nursery.start(server.run)
        await name.is_bound("10.0.0.2:8080")


async def test_away_from_the_start_is_a_failure_with_a_reason(server, nursery, k8s):
    server.away()
    with Name(k8s, "/default/http/hello") as name:
        assert name.answer == Pending()
        await until(lambda: isinstance(name.answer, Failed))
        assert "127.0.0.1" in name.answer.message
        put(server, service("hello", HTTP), endpoint_slice("hello", ["10.0.0.1"]))
        await nursery.start(server.run)
        await name.is_bound("10.0.0.1:8080")


async def test_the_namespace_of_the_pod(kube, server, monkeypatch):
    monkeypatch.setenv("POD_NAMESPACE", "Shop")
    k8s = namer(kube, server, K8sNs)
    put(server, service("hello", HTTP, namespace="shop"))
    put(server, endpoint_slice("hello", ["10.0.0.1"], namespace="shop"))
    with Name(k8s, "/http/hello/rest") as name:
        await name.is_bound("10.0.0.1:8080")
        assert name.bound.id.show() == "/#/io.l5d.k8s.ns/http/hello"


async def test_without_a_namespace_it_does_not_start(kube, server, monkeypatch):
    monkeypatch.delenv("MINE", raising=False)
    with pytest.raises(EnvironmentMissing, match="MINE env variable must be set to the namespace of the pod"):
        namer(kube, server, K8sNs, envVar="MINE")


async def test_load_balancers(kube, server, dns):
    external = namer(kube, server, K8sExternal)
    dns.answers["lb.example.com"] = frozenset(("198.51.100.2",))
    one = service("hello", HTTP)
    put(server, one)
    with Name(external, "/default/http/hello") as name, Name(external, "/default/80/hello") as number:
        await name.is_bound()
        ingress = [{"ip": "198.51.100.1"}, {"hostname": "lb.example.com"}]
        put(server, one | {"status": {"loadBalancer": {"ingress": ingress}}})
        await name.is_bound("198.51.100.1:80", "198.51.100.2:80")
        await number.is_bound("198.51.100.1:80", "198.51.100.2:80")
        with Name(external, "/default/8080/hello") as other, Name(external, "/default/http/none") as none:
            await other.is_neg()
            await none.is_neg()


async def test_what_the_admin_interface_shows(server, k8s):
    put(
        server, service("hello", port(80, 8080, "http")), endpoint_slice("hello", [endpoint("10.0.0.1", nodeName="n1")])
    )
    with Name(k8s, "/default/http/hello") as name, Name(k8s, "/default/80/hello") as number:
        await name.is_bound("10.0.0.1:8080")
        await number.is_bound("10.0.0.1:8080")
        state = k8s.state()
        shown = state["endpoints"]["default/hello"]
        assert shown["state"]["running"]
        assert shown["state"]["value"]["endpoints"] == [{"ip": "10.0.0.1", "nodeName": "n1", "ready": True}]
        assert shown["state"]["value"]["ports"] == {"http": 8080}
        assert shown["watch"]["request"].startswith("GET /apis/discovery.k8s.io/v1/namespaces/default/endpointslices?")
        assert state["portMappings"] == {"default/hello": {"80": "8080"}}
        assert state["cluster"]["services"] == 1
