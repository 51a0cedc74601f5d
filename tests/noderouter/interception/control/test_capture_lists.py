"""From a (fake) API to what a keeper is told and what the data path finds: labels, pods, Services, outages.

Covers `watches.py`.
"""

from dataclasses import dataclass
from ipaddress import ip_address

import pytest
import trio

from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destination, Destinations, Speech
from noderouter.core.errors import OverloadError
from noderouter.interception.control.capture_lists import CaptureLists
from noderouter.interception.control.declared_protocol import OPAQUE_PORTS
from noderouter.interception.control.pods import Ourselves
from noderouter.interception.control.selection import KEY, SelectionMode
from noderouter.interception.control.watches import Watches
from noderouter.interception.keeper.protocol import Pods, Services
from tests.noderouter.interception.control.conftest import Telling
from tests.testing.kube import endpoint_slice, port, service
from tests.testing.kube_pods import NODE, namespace, pod
from tests.testing.loop import until

ALWAYS = frozenset({ip_address("10.96.0.1")})
NOBODY = Ourselves()


def put(server, *things):
    """Create or replace objects."""
    for thing in things:
        server.store.put(f"{thing['kind'].lower()}s", thing)


@dataclass
class Following:
    """Everything between the API and the keeper, running."""

    server: object
    keeper: object
    telling: Telling
    lists: CaptureLists
    watches: Watches
    destinations: Destinations
    clients: ClientNamespaces

    def put(self, *things):
        """Create or replace objects."""
        put(self.server, *things)

    def told(self):
        """The uids that the keeper was told last."""
        last = self.keeper.last(Pods)
        return None if last is None else {each.uid for each in last.pods}

    async def tells(self, *names):
        """Wait until exactly these pods are told."""
        uids = {self.server.store.get("pods", name)["metadata"]["uid"] for name in names}
        await until(lambda: self.told() == uids)

    def dialled(self):
        """The destinations that the keeper was told last."""
        last = self.keeper.last(Services)
        return None if last is None else {(str(each.address), each.port) for each in last.services}


@pytest.fixture
async def follow(server, cluster, keeper, telling, log, nursery):
    """Starts it, with whatever the API has by then."""

    async def start(selection=SelectionMode.OPT_OUT, ourselves=NOBODY):
        destinations = Destinations()
        watches = Watches(cluster, NODE, ourselves, frozenset({7000}))
        clients = ClientNamespaces()
        clients.expect()
        lists = CaptureLists(watches, telling.client, destinations, clients, selection, log)
        for each in watches:
            nursery.start_soon(each.run)
        nursery.start_soon(lists.follow_services, ALWAYS)
        nursery.start_soon(telling.client.run)
        return Following(server, keeper, telling, lists, watches, destinations, clients)

    return start


@pytest.fixture
async def following(follow, server):
    """With two namespaces and the Service of the API server; synced."""
    put(server, namespace("default"), namespace("shop"), service("kubernetes", port(443), clusterIP="10.96.0.1"))
    server.store.put("endpointslices", endpoint_slice("kubernetes", ["192.0.2.7"]))
    running = await follow()
    await until(lambda: running.told() == set())
    await until(lambda: running.dialled() == set())
    return running


async def test_nothing_is_told_before_everything_is_listed(server, follow, log):
    server.faults.refuse(403, "/api/v1/namespaces?")
    server.faults.refuse(403, "/endpointslices?")
    put(server, namespace("default"), pod("web", "10.0.0.1"), service("hello", port(80), clusterIP="10.96.0.2"))
    running = await follow()
    await until(lambda: running.telling.client.status.connected and running.watches.pods.synced)
    await until(lambda: ["403" in words for words in running.watches.missing()] == [True, True])
    namespaces, api = running.watches.missing()
    assert namespaces.startswith("namespaces are not listed yet: ")
    assert "403" in namespaces
    assert api.startswith("endpoints of the API server are not listed yet: ")
    assert running.told() is running.dialled() is None
    server.faults.accept()
    await running.tells("web")
    await until(lambda: running.dialled() == {("10.96.0.2", 80)})
    assert list(running.watches.missing()) == []


@pytest.mark.parametrize("last", ["/api/v1/pods?", "/api/v1/namespaces?", "/api/v1/services?", "/endpointslices?"])
async def test_whatever_is_listed_last_everything_is_told(server, follow, last):
    server.faults.refuse(500, last)
    put(server, namespace("default"), pod("web", "10.0.0.1"), service("hello", port(80), clusterIP="10.96.0.2"))
    running = await follow()
    await until(lambda: len(list(running.watches.missing())) == 1)
    await trio.sleep(0.1)
    server.faults.accept()
    await running.tells("web")
    await until(lambda: running.dialled() == {("10.96.0.2", 80)})


async def test_services_that_lead_to_us_are_left_out(follow, server):
    own = pod("l5d", "10.0.0.1", namespace="mesh")
    own["metadata"]["labels"] = {"app": "l5d", "hash": "1"}
    ours = service("l5d", port(4140), namespace="mesh", clusterIP="10.96.0.3", selector={"app": "l5d"})
    put(server, namespace("mesh"), own, ours, service("hello", port(80), clusterIP="10.96.0.2"))
    running = await follow(ourselves=Ourselves("mesh", "l5d"))
    await until(lambda: running.dialled() is not None)
    assert running.dialled() == {("10.96.0.2", 80)}


async def test_only_pods_of_this_node_are_followed(following):
    following.put(pod("here", "10.0.0.1"), pod("elsewhere", "10.0.1.1", node="node-2"))
    await following.tells("here")
    (request,) = following.server.watching("/api/v1/pods?")
    assert f"fieldSelector=spec.nodeName={NODE}" in request
    assert len(following.watches.pods) == 1


async def test_a_namespace_is_taken_out_and_in_and_out(following):
    following.put(pod("web", "10.0.0.1"), pod("till", "10.0.0.2", namespace="shop"))
    uid = following.server.store.get("pods", "till", "shop")["metadata"]["uid"]
    await until(lambda: len(following.told()) == 2)
    for _ in range(2):
        following.put(namespace("shop", "disabled"))
        await following.tells("web")
        following.put(namespace("shop"))
        await until(lambda: uid in following.told())


async def test_an_annotation_counts_before_its_namespace(following, log):
    following.put(namespace("default", "disabled"), pod("web", "10.0.0.1", choice="enabled"), pod("db", "10.0.0.2"))
    await following.tells("web")
    following.put(pod("web", "10.0.0.1", choice="Enabled"))
    await following.tells()
    following.put(pod("web", "10.0.0.1", choice="Enabled", phase="Running", message="a change"))
    following.put(pod("web", "10.0.0.1", choice="enabled"))
    await following.tells("web")
    assert log.events.count("intercept.unclear_choice") == 1
    assert log.fields[log.events.index("intercept.unclear_choice")]["object"] == "default/web"


async def test_opt_in(follow, server):
    put(server, namespace("default"), namespace("shop", "enabled"), pod("web", "10.0.0.1", choice="enabled"))
    put(server, pod("db", "10.0.0.2"), pod("till", "10.0.0.3", namespace="shop"))
    running = await follow(SelectionMode.OPT_IN)
    await until(lambda: running.told() is not None and len(running.told()) == 2)
    reasons = {f.name: why for f, why in running.lists.pods}
    assert reasons == {"web": "", "till": "", "db": f"{KEY} is not set to `enabled`"}


async def test_an_address_that_is_used_again_by_another_namespace(following):
    following.put(namespace("shop", "disabled"), pod("web", "10.0.0.1"))
    await following.tells("web")
    following.server.store.delete("pods", "web")
    following.put(pod("till", "10.0.0.1", namespace="shop"))
    await until(lambda: following.told() == set())
    await until(lambda: any(each.name == "till" for each, _ in following.lists.pods))
    await trio.sleep(0.1)
    assert following.told() == set()


async def test_the_namespaces_of_clients_are_known_before_anything_else_is_and_follow_the_pods(server, follow):
    server.faults.refuse(403, "/api/v1/namespaces?")
    put(server, pod("web", "10.0.0.1", namespace="shop"))
    running = await follow()
    with pytest.raises(OverloadError):
        running.clients.find("10.0.0.1")
    await until(lambda: len(running.clients) == 1)
    assert (running.clients.find("10.0.0.1"), running.clients.find("10.0.0.2")) == (b"shop", None)
    server.store.delete("pods", "web", "shop")
    put(server, pod("till", "10.0.0.1", namespace="prod"))
    await until(lambda: running.clients.find("10.0.0.1") == b"prod")


async def test_a_pod_of_the_same_name_is_another_pod(following):
    following.put(pod("web", "10.0.0.1"))
    await following.tells("web")
    following.server.store.delete("pods", "web")
    again = pod("web", "10.0.0.1")
    following.put(again)
    await following.tells("web")
    assert (
        len({each.uid for message in following.keeper.heard if isinstance(message, Pods) for each in message.pods}) == 2
    )


async def test_a_pod_of_a_new_namespace_waits_for_it(following):
    following.put(pod("web", "10.0.0.1", namespace="new"))
    await until(lambda: len(following.watches.pods) == 1)
    assert following.told() == set()
    following.put(namespace("new"))
    await until(lambda: following.told() != set())


async def test_we_are_not_captured(follow, server):
    put(server, namespace("mesh"), pod("l5d", "10.0.0.1", namespace="mesh"))
    running = await follow(ourselves=Ourselves("mesh", "l5d"))
    await until(lambda: running.told() == set())
    assert [why for _, why in running.lists.pods] == ["it is this router"]


async def test_services_come_change_and_go(following):
    following.put(service("hello", port(80, name="http"), clusterIP="10.96.0.2"))
    await until(lambda: following.dialled() == {("10.96.0.2", 80)})
    find = following.destinations.find
    assert find("10.96.0.2", 80) == Destination(b"hello.default", Speech.HTTP)
    following.put(
        service("hello", port(80, name="web"), port(7000), clusterIP="10.96.0.2", clusterIPs=["10.96.0.2", "fd00::2"])
    )
    await until(lambda: len(following.dialled()) == 4)
    assert find("10.96.0.2", 80) == Destination(b"hello.default", Speech.UNKNOWN)
    assert find("fd00::2", 7000) == Destination(b"hello.default:7000", Speech.OPAQUE)
    following.server.store.delete("services", "hello")
    await until(lambda: following.dialled() == set())
    assert len(following.destinations) == 0


async def test_the_index_is_in_place_before_the_keeper_hears_of_it(following):
    known = []

    def heard(message):
        if isinstance(message, Services) and message.services:
            known.append(following.destinations.find("10.96.0.2", 80))
        return following.keeper.usual(message)

    following.keeper.answer = heard
    following.put(service("hello", port(80), clusterIP="10.96.0.2"))
    await until(lambda: known)
    assert known == [Destination(b"hello.default")]


async def test_the_api_server_is_never_captured(following):
    assert {str(each) for each in following.keeper.last(Services).never} == {"10.96.0.1", "192.0.2.7"}
    following.server.store.put("endpointslices", endpoint_slice("kubernetes", ["192.0.2.8", "192.0.2.9"]))
    await until(lambda: len(following.keeper.last(Services).never) == 3)
    assert following.destinations.find("10.96.0.1", 443) is None


async def test_changes_that_are_none_are_not_told(following):
    following.put(service("hello", port(80), clusterIP="10.96.0.2"), pod("web", "10.0.0.1"))
    await following.tells("web")
    await until(lambda: following.dialled() == {("10.96.0.2", 80)})
    before = [following.keeper.count(each) for each in (Pods, Services)]
    following.put(service("hello", port(80), clusterIP="10.96.0.2", sessionAffinity="ClientIP"))
    following.put(pod("web", "10.0.0.1", startTime="noon"))
    following.put(service("other", port(80), clusterIP="None"))
    await until(lambda: len(following.watches.services) == 3)
    await trio.sleep(0.15)
    assert [following.keeper.count(each) for each in (Pods, Services)] == before


async def test_a_wrong_annotation_of_a_service_is_said(following, log):
    thing = service("pg", port(5432), clusterIP="10.96.0.2")
    thing["metadata"]["annotations"] = {OPAQUE_PORTS: "5432,postgres"}
    following.put(thing)
    await until(lambda: "intercept.annotation_ignored" in log.events)
    said = log.fields[log.events.index("intercept.annotation_ignored")]
    assert said["object"] == "default/pg"
    assert "postgres" in str(said["reason"])
    assert following.destinations.find("10.96.0.2", 5432).speech is Speech.OPAQUE


async def test_an_outage_of_the_api_changes_nothing(following, nursery):
    following.put(service("hello", port(80), clusterIP="10.96.0.2"), pod("web", "10.0.0.1"))
    await following.tells("web")
    await until(lambda: following.dialled() == {("10.96.0.2", 80)})
    await following.telling.armed()
    following.server.away()
    await until(lambda: all(each._reflector.health.failures > 3 for each in following.watches))
    assert following.telling.client.status.armed
    assert list(following.watches.missing()) == []
    assert len(following.destinations) == 1
    following.put(pod("db", "10.0.0.2"))
    following.server.store.delete("pods", "web")
    following.server.store.compact()
    assert following.told() != set()
    await nursery.start(following.server.run)
    await following.tells("db")
    status = following.telling.client.status
    assert (status.disarms, status.connects) == (0, 1)
