"""What we do with few rights, and with tokens that change; on a real API server with RBAC."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trio

from dtab import Failed
from dtab import Path as DtabPath
from noderouter.kubernetes.access import InCluster, Kubeconfig
from noderouter.kubernetes.clusters import Clusters
from noderouter.kubernetes.paths import configmaps
from noderouter.kubernetes.state import Absent, Unreachable
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.k8s_path import PathForm
from noderouter.naming.namer.k8s_namer import K8sNamer
from tests.noderouter.kubernetes.contract.conftest import BRISK
from tests.noderouter.naming.fakes import Dns, Log
from tests.noderouter.naming.name import Name
from tests.testing.kube import endpoint_slice, port, service
from tests.testing.loop import until

READ = ["get", "list", "watch"]


class Rights:
    """Gives service accounts of a namespace rights, there or in the whole cluster."""

    def __init__(self, plane, namespace):
        self.plane = plane
        self.namespace = namespace

    def post(self, path, body):
        answer = self.plane.request("POST", path, body)
        assert answer.status_code == 201, answer.text

    def grant(self, group, resource, *, everywhere=False):
        """Let the account `default` of the namespace read a resource."""
        name = f"{self.namespace}-{resource}"
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        place = rbac if everywhere else f"{rbac}/namespaces/{self.namespace}"
        kind = "ClusterRole" if everywhere else "Role"
        rules = [{"apiGroups": [group], "resources": [resource], "verbs": READ}]
        self.post(f"{place}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules})
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.namespace}],
        }
        self.post(f"{place}/{kind.lower()}bindings", binding)

    def announce(self, name, ip):
        """A Service with one endpoint, in both forms."""
        core = f"/api/v1/namespaces/{self.namespace}"
        self.post(f"{core}/services", service(name, port(80, 8080, "http"), namespace=self.namespace))
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
        self.post(slices, endpoint_slice(name, [ip], namespace=self.namespace))
        subsets = [{"addresses": [{"ip": ip}], "ports": [{"name": "http", "port": 8080}]}]
        labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
        self.post(f"{core}/endpoints", {"metadata": {"name": name, "labels": labels}, "subsets": subsets})


@pytest.fixture
def rights(control_plane, namespace):
    return Rights(control_plane, namespace)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def k8s(control_plane, namespace, nursery: trio.Nursery, log):
    access = Kubeconfig(str(control_plane.kubeconfig(namespace, "default")))
    cluster = Clusters(nursery.start_soon, log, BRISK).get(access)
    resolver = Resolver(nursery.start_soon, log, query=Dns().query)
    return K8sNamer(DtabPath.of("#", "io.l5d.k8s"), PathForm(), cluster, resolver)


def watches(k8s):
    return sorted(health.name for health in k8s.cluster.healths())


async def test_rights_in_one_namespace_only(rights, namespace, k8s, nursery):
    rights.grant("", "services")
    rights.grant("discovery.k8s.io", "endpointslices")
    rights.announce("hello", "10.0.0.1")
    with Name(k8s, f"/{namespace}/http/hello") as name, Name(k8s, "/kube-system/http/dns") as other:
        await name.is_bound("10.0.0.1:8080")
        with Name(k8s, f"/{namespace}/http/none") as none:
            await none.is_neg()
        await until(lambda: isinstance(other.answer, Failed))
        assert "forbidden" in other.answer.message
        assert f"services/{namespace}" in watches(k8s)
    nursery.cancel_scope.cancel()


async def test_rights_everywhere_take_two_watches(rights, namespace, k8s, nursery):
    rights.grant("", "services", everywhere=True)
    rights.grant("discovery.k8s.io", "endpointslices", everywhere=True)
    rights.announce("hello", "10.0.0.1")
    with Name(k8s, f"/{namespace}/http/hello") as name, Name(k8s, "/com/http/example") as other:
        await name.is_bound("10.0.0.1:8080")
        await other.is_neg()
        assert watches(k8s) == [f"endpointslices/{namespace}", "services/*"]
    nursery.cancel_scope.cancel()


async def test_the_role_of_linkerd_which_knows_no_slices(rights, namespace, k8s, nursery):
    rights.grant("", "services", everywhere=True)
    rights.grant("", "endpoints", everywhere=True)
    rights.announce("hello", "10.0.0.1")
    with Name(k8s, f"/{namespace}/http/hello") as name, Name(k8s, f"/{namespace}/80/hello") as number:
        await name.is_bound("10.0.0.1:8080")
        await number.is_bound("10.0.0.1:8080")
        assert watches(k8s) == [f"endpoints/{namespace}", "services/*"]
        subsets = [{"addresses": [{"ip": "10.0.0.2"}], "ports": [{"name": "http", "port": 9090}]}]
        changed = {"metadata": {"name": "hello"}, "subsets": subsets}
        rights.plane.request("PUT", f"/api/v1/namespaces/{namespace}/endpoints/hello", changed)
        await name.is_bound("10.0.0.2:9090")
        rights.plane.request("DELETE", f"/api/v1/namespaces/{namespace}/endpoints/hello")
        await name.is_neg()
    nursery.cancel_scope.cancel()


async def test_without_the_right_to_services_port_names_still_work(rights, namespace, k8s, nursery):
    rights.grant("discovery.k8s.io", "endpointslices")
    rights.announce("hello", "10.0.0.1")
    with Name(k8s, f"/{namespace}/http/hello") as name, Name(k8s, f"/{namespace}/80/hello") as number:
        await name.is_bound("10.0.0.1:8080")
        await until(lambda: isinstance(number.answer, Failed))
        assert "forbidden" in number.answer.message
    nursery.cancel_scope.cancel()


async def test_rights_that_come_later_take_effect(rights, namespace, k8s, nursery):
    rights.announce("hello", "10.0.0.1")
    with Name(k8s, f"/{namespace}/http/hello") as name:
        await until(lambda: isinstance(name.answer, Failed))
        rights.grant("", "services")
        rights.grant("discovery.k8s.io", "endpointslices")
        await name.is_bound("10.0.0.1:8080")
    nursery.cancel_scope.cancel()


async def test_a_service_account_whose_token_is_replaced(rights, namespace, tmp_path: Path, nursery, log):
    control_plane = rights.plane
    rights.grant("", "configmaps")
    (tmp_path / "ca.crt").write_bytes(Path(control_plane.ca_file).read_bytes())
    (tmp_path / "token").write_text("not a token\n")
    url = urlsplit(control_plane.url)
    cluster = Clusters(nursery.start_soon, log, BRISK).get(InCluster(url.hostname, url.port, str(tmp_path)))
    watch = cluster.object(configmaps(namespace), "dtab")
    watch.var.hold()
    await until(lambda: isinstance(watch.var.value, Unreachable))
    assert "401" in watch.var.value.reason
    (tmp_path / "token").write_text(control_plane.token(namespace, "default"))
    await until(lambda: watch.var.value == Absent())
    watch.var.release()
    nursery.cancel_scope.cancel()
