"""Names of Kubernetes on what the real controllers and a real API make of Services and slices."""

import pytest
import trio

from dtab import Path
from noderouter.kubernetes.paths import endpoint_slices, services
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.k8s_path import PathForm
from noderouter.naming.namer.k8s_namer import K8sNamer
from tests.noderouter.naming.fakes import Dns, Log
from tests.noderouter.naming.name import Name
from tests.testing.kube import draining, endpoint, endpoint_slice, not_ready, port, service


@pytest.fixture
async def k8s(contract, nursery: trio.Nursery) -> K8sNamer:
    resolver = Resolver(nursery.start_soon, Log(), query=Dns().query)
    return K8sNamer(Path.of("#", "io.l5d.k8s"), PathForm(), contract.cluster, resolver)


def slices(contract, *args, **keys):
    return endpoint_slice(*args, namespace=contract.namespace, **keys)


async def test_from_nothing_to_pods_and_back(contract, k8s):
    ns = contract.namespace
    all_slices, all_services = endpoint_slices(ns), services(ns)
    with Name(k8s, f"/{ns}/http/hello") as name, Name(k8s, f"/{ns}/80/hello") as number:
        await name.is_neg()
        await number.is_neg()
        await contract.create(all_services, service("hello", port(80, 8080, "http"), namespace=ns))
        await number.is_bound()
        await contract.create(all_slices, slices(contract, "hello", ["10.0.0.1", not_ready("10.0.0.9")]))
        await name.is_bound("10.0.0.1:8080")
        await number.is_bound("10.0.0.1:8080")
        await contract.create(all_slices, slices(contract, "hello", ["10.0.0.2"], suffix="b"))
        await name.is_bound("10.0.0.1:8080", "10.0.0.2:8080")
        await contract.replace(all_slices, slices(contract, "hello", [draining("10.0.0.1")]))
        await name.is_bound("10.0.0.2:8080")
        await contract.delete(all_slices, "hello-b")
        await name.is_bound("10.0.0.1:8080")
        await contract.replace(all_slices, slices(contract, "hello", [not_ready("10.0.0.1")]))
        await name.is_bound()
        await contract.delete(all_slices, "hello-abcde")
        await name.is_neg()
        await contract.delete(all_services, "hello")
        await number.is_neg()


async def test_many_names_share_a_watch(contract, k8s):
    ns = contract.namespace
    names = [Name(k8s, f"/{ns}/http/svc-{number}") for number in range(8)]
    for number, name in enumerate(names):
        await contract.create(services(ns), service(f"svc-{number}", port(80, 8080, "http"), namespace=ns))
        await contract.create(endpoint_slices(ns), slices(contract, f"svc-{number}", [f"10.0.1.{number}"]))
        name.__enter__()
        await name.is_bound(f"10.0.1.{number}:8080")
    for number, name in enumerate(names):
        await contract.replace(endpoint_slices(ns), slices(contract, f"svc-{number}", [f"10.0.2.{number}"]))
        await name.is_bound(f"10.0.2.{number}:8080")
    healths = list(contract.cluster.healths())
    assert [health.name for health in healths] == ["services/*", f"endpointslices/{ns}"]
    assert [health.failures for health in healths] == [0, 0]
    for name in names:
        name.__exit__()


async def test_one_host(contract, k8s):
    ns = contract.namespace
    await contract.create(services(ns), service("web", port(80, 8080, "http"), namespace=ns, clusterIP="None"))
    hosts = [endpoint("10.0.0.1", hostname="web-0"), endpoint("10.0.0.2", hostname="web-1")]
    await contract.create(endpoint_slices(ns), slices(contract, "web", hosts))
    with Name(k8s, f"/{ns}/http/web-1.web") as name:
        await name.is_bound("10.0.0.2:8080")
