"""The pods of a node, as the API tells of them."""

from collections.abc import AsyncIterator

import pytest

from noderouter.kubernetes.clusters import Clusters
from noderouter.policy.pods import PodWatch, known_by, project_pod
from noderouter.policy.workloads import Workload
from tests.noderouter.kubernetes.conftest import QUICK
from tests.testing.api_server import ApiServer, api_server
from tests.testing.kube_pods import NODE, networked, pod
from tests.testing.loop import until


def known(*things):
    return known_by([project_pod(each) for each in things], NODE)


def test_what_is_kept_of_a_pod():
    thing = pod("web-1", "10.1.0.9", "fd00::0:9", namespace="prod", hostIP="192.0.2.1")
    thing["spec"]["serviceAccountName"] = "web"
    thing["metadata"]["labels"] = {"app": "web"}
    found = known(thing)
    web = Workload("prod", "web-1", "prod/web", frozenset({("app", "web")}), "web-1")
    assert found.pods == {"10.1.0.9": web, "fd00::9": web}
    assert (found.node, found.node_ips) == (NODE, frozenset({"192.0.2.1"}))


def test_without_an_account_it_is_the_default_one():
    assert known(pod("web", "10.1.0.9")).pods["10.1.0.9"].account == "default/default"


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Succeeded"},
        {"phase": "Failed"},
        {"conditions": [networked("False")]},
    ],
)
def test_an_address_that_is_nobodys_any_more(status):
    assert known(pod("web", "10.1.0.9", **status)).pods == {}


def test_who_shares_the_nodes_network_has_no_address_of_its_own():
    thing = pod("proxy", "192.0.2.1", hostIP="192.0.2.1")
    thing["spec"]["hostNetwork"] = True
    found = known(thing)
    assert found.pods == {}
    assert found.node_ips == frozenset({"192.0.2.1"})


def test_an_address_of_two_pods_is_nobodys():
    found = known(pod("a", "10.1.0.9"), pod("b", "10.1.0.9", "10.1.0.8"))
    assert set(found.pods) == {"10.1.0.8"}
    assert found.disputed == frozenset({"10.1.0.9"})


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


async def test_the_watch_tells_what_has_changed_and_nothing_else(server, nursery, log):
    told = []
    cluster = Clusters(nursery.start_soon, log, QUICK).get(server.access)
    watch = PodWatch(cluster, NODE, told.append)
    assert watch.missing().startswith(f"pods of {NODE} are not listed yet")
    server.store.put("pods", pod("web", "10.1.0.9"))
    server.store.put("pods", pod("far", "10.2.0.9", node="another"))
    nursery.start_soon(watch.run)
    await until(lambda: told)
    assert watch.missing() == ""
    assert set(told[-1].pods) == {"10.1.0.9"}
    before = len(told)
    changed = pod("web", "10.1.0.9")
    changed["metadata"]["annotations"] = {"a": "b"}
    server.store.put("pods", changed)
    server.store.put("pods", pod("web2", "10.1.0.8"))
    await until(lambda: set(told[-1].pods) == {"10.1.0.8", "10.1.0.9"})
    assert len(told) == before + 1, "an annotation is no news"
    server.store.delete("pods", "web")
    await until(lambda: set(told[-1].pods) == {"10.1.0.8"})
