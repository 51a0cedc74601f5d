"""What the operator decides: the scope of the keeper, what a `Host` that lies means, who is in by default."""

import pytest

from tests.cluster import addresses
from tests.cluster.any_cluster import until
from tests.intercept.asking import get, line
from tests.intercept.configuration import CLUSTER_DOMAIN, Settings
from tests.intercept.conftest import ON_ONE
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.world import ECHO_PORT, WEB_PORT, World

pytestmark = [pytest.mark.root, ON_ONE]


@pytest.fixture
def keeper(world: World):
    """Restarts the keeper with options; afterwards as usual."""

    def restart(*options: str) -> None:
        world.node.keeper.terminate()
        assert world.node.keeper.ended() == 0
        world.start_keeper(*options)
        world.node.until_armed()

    yield restart
    restart()


@pytest.fixture
def router(world: World):
    """Restarts the router with settings; afterwards as usual."""

    def restart(settings: Settings | None = None) -> None:
        world.node.router.terminate()
        assert world.node.router.ended() == 0
        world.start_router(settings)
        world.node.until_armed()

    yield restart
    restart()


def test_scope_http(world: World, keeper):
    keeper("--scope", "http")
    for version in FAMILIES:
        assert world.get(world.client, world.hello, version)["via"]
        said = line(world.client.place, world.echo.addresses[version], ECHO_PORT)
        assert said["peer"] == world.client.addresses[version], "not declared as HTTP"


def test_scope_all(world: World, keeper):
    keeper("--scope", "all")
    for version in FAMILIES:
        assert world.get(world.client, world.hello, version)["via"]
        address = world.web["hello"].addresses[version]
        bracketed = address if version == 4 else f"[{address}]"
        said = get(world.client.place, address, WEB_PORT, f"{bracketed}:{WEB_PORT}")
        assert (said["who"], bool(said["via"])) == ("hello", True), "a pod's own address"
        said = line(world.client.place, world.node.pods["echo"].addresses[version], ECHO_PORT)
        assert said["peer"] != world.client.addresses[version]
    before = len(world.node.api.peers)
    port = world.node.api_port
    for url in (f"https://{addresses.API_CLUSTER_IP}/livez", f"https://{addresses.GATEWAY}:{port}/livez"):
        assert world.client.run("curl", "-sSk", url) == "ok"
    assert world.node.api.peers[before:].count(world.client.addresses[4]) == 2, "the API server is never captured"


@pytest.mark.parametrize(
    ("policy", "who", "status"), [("destination", "hello", 200), ("host", "canary", 200), ("refuse", None, 421)]
)
def test_a_host_that_is_not_what_was_dialled(world: World, router, policy: str, who: str | None, status: int):
    router(Settings(capture={"hostMismatch": policy}))
    for version in FAMILIES:
        address = world.hello.addresses[version]
        said = get(world.client.place, address, 80, world.canary.host)
        assert (said["status"], said.get("who")) == (status, who)
        if status == 200:
            assert said["host"] == world.canary.host, "the field itself goes on as it came"
        for host in (world.hello.host, f"{world.hello.host}.svc.{CLUSTER_DOMAIN}", f"{world.hello.host}:80".upper()):
            assert get(world.client.place, address, 80, host)["who"] == "hello"


def test_opting_in(world: World, router):
    router(Settings(intercept={"selection": "optIn"}))
    world.until_direct()
    world.node.objects.label(world.node.space, {"noderouter.io/intercept": "enabled"})
    try:
        world.until_captured()
        assert not world.get(world.quiet, world.hello)["via"]
    finally:
        world.node.objects.label(world.node.space, {"noderouter.io/intercept": None})


def test_excluded_ports_and_namespaces(world: World, keeper):
    keeper("--exclude-port", str(ECHO_PORT))
    said = line(world.client.place, world.echo.addresses[4], ECHO_PORT)
    assert said["peer"] == world.client.addresses[4]
    assert world.get(world.client, world.hello)["via"]
    keeper("--exclude-namespace", world.node.space)
    until(lambda: not world.get(world.client, world.hello)["via"])


def test_failure_mode_closed(world: World, keeper):
    keeper("--failure-mode", "closed")
    assert world.get(world.client, world.hello)["via"]
    world.node.router.kill()
    until(lambda: not world.node.status()["armed"])
    for version in FAMILIES:
        with pytest.raises(ConnectionRefusedError):
            world.get(world.client, world.hello, version)
        assert world.get(world.quiet, world.hello, version)["who"] == "hello", "who has opted out is not concerned"
    world.start_router()
    world.until_captured()
