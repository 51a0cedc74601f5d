"""What a host means, on the proxy port and captured: the same, in every spelling."""

from collections.abc import Iterator

import pytest

from tests.cluster.any_cluster import until
from tests.intercept.asking import Said, get
from tests.intercept.configuration import CLUSTER_DOMAIN, OUTGOING_PORT, Settings
from tests.intercept.conftest import ON_ONE
from tests.intercept.mesh_node import FAMILIES, Service
from tests.intercept.objects import Port
from tests.intercept.pod import Pod
from tests.intercept.world import WEB_PORT, World
from tests.testing.pod_network import NODE

pytestmark = [pytest.mark.root, ON_ONE]


def proxied(pod: Pod, host: str) -> Said:
    """One request of a pod to the router's proxy port, without capture."""
    return get(pod.place, NODE[4], OUTGOING_PORT, host)


@pytest.fixture
def set_of_two(world: World) -> Iterator[Service]:
    """A Service with two pods that have names, `db-0` and `db-1`, and say which they are."""
    node = world.node
    pods = [node.add_pod(f"db-{number}") for number in range(2)]
    for pod in pods:
        pod.program("web", pod.name, WEB_PORT)
    service = node.add_service("db", [Port("http", 80, WEB_PORT)], *pods, named=True)
    node.in_force()
    until(lambda: proxied(world.client, f"db-1.{service.host}").get("who") == "db-1")
    yield service
    for pod in pods:
        node.remove_pod(pod)
    node.services.remove(service)
    node.proxied()
    for kind in ("api/v1", "services"), ("apis/discovery.k8s.io/v1", "endpointslices"):
        names = ["db"] if kind[1] == "services" else [f"db-{version}" for version in FAMILIES]
        for name in names:
            node.objects.delete(f"/{kind[0]}/namespaces/{node.space}/{kind[1]}/{name}")


@pytest.fixture
def by_host(world: World) -> Iterator[None]:
    """Requests that are captured are named by their Host."""
    for settings in (Settings(capture={"hostMismatch": "host"}), None):
        world.node.router.terminate()
        assert world.node.router.ended() == 0
        world.start_router(settings)
        world.node.until_armed()
        if settings is not None:
            yield


def spellings(host: str) -> list[str]:
    return [host, host.upper(), f"{host}.", f"{host}.svc", f"{host}.svc.{CLUSTER_DOMAIN}"]


def test_every_spelling_is_the_one_name_on_both_ways(world: World):
    space, client, hello = world.node.space, world.client, world.hello
    hosts = [each + port for each in ("hello", *spellings(hello.host)) for port in ("", ":80")]
    with world.dtab(f"/service/{space}/hello => /srv/{space}/canary ;", until_who="canary"):
        for host in hosts:
            said = proxied(client, host)
            assert (said.get("who"), said.get("host")) == ("canary", host)
            said = get(client.place, hello.addresses[4], 80, host)
            assert (said.get("who"), said.get("host")) == ("canary", host)
    for host in hosts:
        assert proxied(client, host)["who"] == "hello"


def test_a_short_host_is_that_of_the_pods_namespace(world: World):
    """Also of pods that are not captured."""
    said = proxied(world.client, "hello")
    assert (said.get("who"), said.get("host")) == ("hello", "hello")
    web = world.node.add_pod("own", world.quiet_space)
    web.program("web", "own", WEB_PORT)
    service = world.node.add_service("hello", [Port("http", 80, WEB_PORT)], web, namespace=world.quiet_space)
    try:
        until(lambda: proxied(world.quiet, "hello").get("who") == "own")
        assert proxied(world.client, "hello")["who"] == "hello"
        assert proxied(world.client, f"hello.{world.quiet_space}")["who"] == "own"
    finally:
        world.node.remove_pod(web)
        world.node.services.remove(service)
        world.node.proxied()
        world.node.objects.delete(f"/api/v1/namespaces/{world.quiet_space}/services/hello")


def test_one_pod_is_that_pod_and_no_other(world: World, set_of_two: Service):
    for number in range(2):
        for host in spellings(f"db-{number}.{set_of_two.host}"):
            for where in (host, f"{host}:80"):
                assert {proxied(world.client, where).get("who") for _ in range(5)} == {f"db-{number}"}, where
    for host in spellings(f"db-7.{set_of_two.host}"):
        said = proxied(world.client, host)
        assert said["status"] == 502
        assert f"the Service db in the namespace {world.node.space} has no pod db-7" in said["text"]


def test_one_pod_that_is_captured(world: World, set_of_two: Service, by_host: None):
    """By its Host, where that is to count; by its address, whatever the Host."""
    for number in range(2):
        for host in spellings(f"db-{number}.{set_of_two.host}"):
            said = get(world.client.place, set_of_two.addresses[4], 80, host)
            assert (said.get("who"), bool(said.get("via"))) == (f"db-{number}", True)
    said = get(world.client.place, set_of_two.addresses[4], 80, f"db-7.{set_of_two.host}")
    assert said["status"] == 502
    assert "has no pod db-7" in said["text"]


def test_one_pod_that_is_dialled_is_that_pod(world: World, set_of_two: Service):
    """With every address captured; what was dialled counts, and that is the pod."""
    node = world.node
    node.keeper.terminate()
    assert node.keeper.ended() == 0
    world.start_keeper("--scope", "all")
    node.until_armed()
    try:
        for number in range(2):
            pod = node.pods[f"db-{number}"]
            for host in spellings(f"db-{number}.{set_of_two.host}"):
                said = [get(world.client.place, pod.addresses[4], WEB_PORT, f"{host}:{WEB_PORT}") for _ in range(3)]
                assert {(each.get("who"), bool(each.get("via"))) for each in said} == {(pod.name, True)}, host
    finally:
        node.keeper.terminate()
        assert node.keeper.ended() == 0
        world.start_keeper()
        node.until_armed()
