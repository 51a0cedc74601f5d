"""From a pod that knows of no proxy: HTTP by the name of a service is routed by the dtab."""

import json
from collections import Counter

import pytest

from tests.cluster.any_cluster import until
from tests.intercept.asking import Connection, get, line, read
from tests.intercept.conftest import ON_ALL, ON_ONE
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.objects import Port
from tests.intercept.world import ECHO_PORT, WEB_PORT, World
from tests.testing.pod_network import NODE, dial

pytestmark = [pytest.mark.root]

REQUESTS = 600
PIPELINED = 20


def curl(world: World, version: int, path: str = "/") -> dict[str, object]:
    """What any program in a pod does; the name is looked up by the test, since DNS is not what is tested."""
    service = world.hello
    address = service.addresses[version] if version == 4 else f"[{service.addresses[version]}]"
    resolved = f"{service.host}:80:{address}"
    said = world.client.run("curl", "-sS", "--noproxy", "", "--resolve", resolved, f"http://{service.host}{path}")
    answer: dict[str, object] = json.loads(said)
    return answer


@ON_ALL
@pytest.mark.parametrize("version", FAMILIES)
def test_curl_by_the_name_of_a_service_is_routed_by_the_dtab(world: World, version: int):
    said = curl(world, version, "/path?query")
    assert (said["who"], said["path"], said["host"]) == ("hello", "/path?query", world.hello.host)
    assert said["via"], "it did not pass the router"
    assert said["peer"] != world.client.addresses[version]
    space = world.node.space
    with world.dtab(f"/svc/hello.{space} => /svc/canary.{space} ;", until_who="canary"):
        said = curl(world, version)
        assert (said["who"], said["host"]) == ("canary", world.hello.host)
    assert curl(world, version)["who"] == "hello"


@ON_ALL
def test_a_canary_gets_one_request_in_ten(world: World, state):
    space = world.node.space
    with world.dtab(f"/svc/hello.{space} => 9 * /host/{space}/hello & 1 * /host/{space}/canary ;"):
        with Connection(world.client.place, world.hello.addresses[4], 80) as first:
            until(lambda: first.ask(world.hello.host)["who"] == "canary", pause=0)
        counts: Counter[str] = Counter()
        for version in FAMILIES:
            with Connection(world.client.place, world.hello.addresses[version], 80) as connection:
                counts.update(connection.ask(world.hello.host)["who"] for _ in range(REQUESTS // 2))
    state(f"{counts['canary']} of {REQUESTS} requests went to the canary")
    assert 0.045 < counts["canary"] / REQUESTS < 0.155  # 4.5 standard deviations
    assert counts.total() == REQUESTS


@ON_ALL
@pytest.mark.parametrize("version", FAMILIES)
def test_a_connection_is_kept_alive_and_pipelined(world: World, version: int):
    with Connection(world.client.place, world.hello.addresses[version], 80) as connection:
        for number in range(100):
            said = connection.ask(world.hello.host, f"/{number}")
            assert (said["path"], bool(said["via"])) == (f"/{number}", True)
        request = "GET /{} HTTP/1.1\r\nhost: {}\r\n\r\n"
        sent = "".join(request.format(number, world.hello.host) for number in range(PIPELINED))
        connection.sock.sendall(sent.encode())
        with connection.sock.makefile("rb") as stream:
            answered = [read(body)["path"] for body in bodies(stream, PIPELINED)]
    assert answered == [f"/{number}" for number in range(PIPELINED)]


@ON_ONE
@pytest.mark.parametrize("version", FAMILIES)
def test_bodies_pass_in_both_framings(world: World, version: int):
    whole = b"x" * 300_000
    with Connection(world.client.place, world.hello.addresses[version], 80) as connection:
        assert connection.ask(world.hello.host, "/", "POST", whole)["body"] == len(whole)
        assert connection.ask(world.hello.host, "/", "PUT", (whole[:1000] for _ in range(300)))["body"] == len(whole)
        assert connection.ask(world.hello.host)["via"]


@ON_ONE
def test_the_backend_sees_the_node(world: World, state):
    seen = {version: world.get(world.client, world.hello, version) for version in FAMILIES}
    assert {said["peer"] for said in seen.values()} <= set(NODE.values()), "of either family, as the pod has both"
    state(f"peer {seen[4]['peer']}, via {seen[4]['via']}")


@ON_ONE
def test_a_client_that_says_nothing_for_a_while_is_still_heard(world: World):
    """HTTP is declared for the port, so silence is not taken for a server that speaks first."""
    with dial(world.client.place, world.hello.addresses[4], 80, 10.0) as sock:
        sock.settimeout(1.0)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(5.0)
        sock.sendall(f"GET / HTTP/1.1\r\nhost: {world.hello.host}\r\nconnection: close\r\n\r\n".encode())
        with sock.makefile("rb") as stream:
            (body,) = bodies(stream, 1)
    assert read(body)["via"]


@ON_ONE
@pytest.mark.parametrize("version", FAMILIES)
def test_http_that_is_not_declared_is_recognised(world: World, version: int):
    service = world.node.add_service(f"plain-{version}", [Port("main", 8081, WEB_PORT)], world.web["canary"])
    world.node.in_force()
    for host in (f"{service.host}:8081", service.addresses[4], "anything"):
        said = get(world.client.place, service.addresses[version], 8081, host)
        assert (said["who"], said["host"], bool(said["via"])) == ("canary", host, True)


@ON_ONE
@pytest.mark.parametrize("version", FAMILIES)
def test_a_port_is_not_taken_for_the_services_http_port(world: World, version: int):
    """By a host without a port the dtab goes to the port that is called `http`; but port 80 was dialled."""
    pod = world.node.pods["echo"]
    pod.program("web", "echo's web", WEB_PORT + version)
    ports = [Port("admin", 80, ECHO_PORT), Port("http", 8080, WEB_PORT + version)]
    service = world.node.add_service(f"mixed-{version}", ports, pod)
    world.node.in_force()
    address = service.addresses[version]
    assert line(world.client.place, address, 80)["who"] == "echo"
    for host in (f"{service.host}:8080", service.host):
        said = get(world.client.place, address, 8080, host)
        assert (said["who"], bool(said["via"])) == ("echo's web", True)


@ON_ONE
@pytest.mark.parametrize("version", FAMILIES)
def test_a_service_without_endpoints_fails_as_clearly_as_it_can(world: World, version: int, state):
    service = world.node.add_service(f"empty-{version}", [Port("http", 80, 80), Port("tcp", 81, 81)])
    world.node.in_force()
    said = get(world.client.place, service.addresses[version], 80, service.host)
    state(f"{said['status']}: {said['error'].splitlines()[-1]}")
    assert (said["status"], service.name in said["error"]) == (502, True)
    with pytest.raises(ConnectionResetError):
        line(world.client.place, service.addresses[version], 81)


def bodies(stream, count: int) -> list[bytes]:
    """The bodies of answers that come one after the other."""
    found = []
    for _ in range(count):
        status = stream.readline()
        assert status.startswith(b"HTTP/1.1 200"), status
        length = 0
        while (field := stream.readline().lower()) != b"\r\n":
            if field.startswith(b"content-length:"):
                length = int(field.partition(b":")[2])
        found.append(stream.read(length))
    return found
