"""Captured connections: pods that know of no router are routed by the dtab, whatever they speak, and may opt out."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.charts.release import Release
from tests.cluster import addresses
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import CommandFailed
from tests.cluster.workload import Object, container, service, workload
from tests.e2e_cluster.test_reroute import MIRROR
from tests.e2e_cluster.traffic import kinds, steady
from tests.e2e_cluster.workloads import client, serve_unknowing
from tests.testing.busy import BUSY_SECONDS
from tests.testing.figures import State

pytestmark = pytest.mark.root

NAMESPACE = "capturing"
ROUTED = "via: 1.1 linkerd"
SERVER = "rt/outgoing/server/0.0.0.0/4143"
TIMER_SECONDS = 2.5
CONFIG = "/io.buoyant/linkerd/config/config.yaml"

CACHE = """
import os, socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        if self.server.server_address[1] == 2500:
            self.wfile.write(b"220 " + os.environ["SAY"].encode() + b"\\r\\n")
        for line in self.rfile:
            self.wfile.write(b"+PONG " + os.environ["SAY"].encode() + b"\\r\\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
import threading
threading.Thread(target=Server(("", 2500), Handler).serve_forever).start()
Server(("", 6379), Handler).serve_forever()
"""
"""Speaks as a Redis does at 6379, where the client begins, and as a mail server does at 2500, where the server does."""

TALK = """
import socket, sys
host, port, begins = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "client"
with socket.create_connection((host, port), 10) as sock:
    lines = sock.makefile("rb")
    if not begins:
        print(lines.readline().decode().strip())
    sock.sendall(b"PING\\r\\n")
    print(lines.readline().decode().strip())
    sock.shutdown(socket.SHUT_WR)
    assert lines.read() == b""
"""


@pytest.fixture(scope="module")
def capturing(cluster: Cluster) -> Iterator[Release]:
    """The chart with interception."""
    cluster.control_plane.kubectl("create", "namespace", NAMESPACE)
    try:
        forwarded = "intercept.server.addForwardedHeader.for.kind=ip"
        values = ("--set", f"intercept.enabled=true,minReadySeconds=0,readinessProbe.periodSeconds=1,{forwarded}")
        with Release.installed(cluster, NAMESPACE, "captured", *values) as release:
            yield release
    finally:
        cluster.control_plane.kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture
def mesh(capturing: Release) -> Iterator[Release]:
    """The same; the dtab is put back when the test has ended."""
    dtab = capturing.dtab()
    yield capturing
    if capturing.dtab() != dtab:
        capturing.write_dtab(dtab)


def get(cluster: Cluster, namespace: str, host: str, *options: str) -> str:
    """Head and body of what the client is answered; without an answer, why."""
    try:
        return cluster.exec(namespace, "client", "curl", "-sSi", "--max-time", "5", *options, f"http://{host}/")
    except CommandFailed as error:
        return error.stderr


def routed(cluster: Cluster, namespace: str) -> bool:
    return ROUTED in get(cluster, namespace, f"hello.{namespace}")


def test_a_pod_that_knows_of_no_router_is_routed_by_the_dtab(
    cluster: Cluster, mesh: Release, namespace: str, state: State
):
    serve_unknowing(cluster, namespace)
    serve_unknowing(cluster, namespace, "hello-next", "node-1")
    for host in ("hello", f"hello.{namespace}", f"hello.{namespace}.svc.{addresses.DOMAIN}"):
        answer = get(cluster, namespace, host)
        assert "via: 1.1 linkerd, 1.1 linkerd" in answer, host
        assert "hello from hello-" in answer
    route = f"/service/{namespace}/hello => /srv/{namespace}/hello-next ;"
    edited = mesh.write_dtab(f"{mesh.dtab()}\n{route}\n")
    until(lambda: "hello-next from" in get(cluster, namespace, "hello"))
    seconds = time.monotonic() - edited
    answer = get(cluster, namespace, f"hello.{namespace}", "-H", f"host: hello-next.{namespace}")
    assert "hello-next from" in answer  # what was dialled counts, and that is `hello`
    state(f"through the routers of both nodes; an edit of the dtab was seen within {seconds:.2f} s")


def test_a_short_host_is_that_of_the_pods_namespace_on_the_proxy_port_too(
    cluster: Cluster, mesh: Release, namespace: str
):
    """Where nothing is captured, and no other namespace's is taken for it."""
    serve_unknowing(cluster, namespace)
    proxy = ("-x", f"http://{cluster.nodes[0].address}:4140")
    for host in ("hello", "HELLO", f"hello.{namespace}.svc.{addresses.DOMAIN}"):
        until(lambda host=host: "hello from hello-" in get(cluster, namespace, host, *proxy))
    edited = mesh.write_dtab(f"{mesh.dtab()}\n/service/{namespace}/hello => /$/io.buoyant.http.status/418 ;\n")
    for host in ("hello", f"hello.{namespace}:80"):
        until(lambda host=host: "HTTP/1.1 418" in get(cluster, namespace, host, *proxy))
        until(lambda host=host: "HTTP/1.1 418" in get(cluster, namespace, host))
    assert time.monotonic() - edited < 60
    cluster.control_plane.kubectl("delete", "service", "hello", "-n", namespace)
    until(lambda: "HTTP/1.1 418" in get(cluster, namespace, "hello", *proxy))  # the entry holds without a Service, too


def test_what_a_backend_sees(cluster: Cluster, mesh: Release, namespace: str):
    """The address of its own node, by whose router the request comes; and, since it was asked for, the client's."""
    mirror = container(args=["-c", MIRROR], readinessProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 1})
    made = workload("Deployment", "mirror", mirror, replicas=1, nodeName="node-2")
    cluster.apply([made, service("mirror"), client(proxy=False)], namespace)
    cluster.wait_ready("deployment", namespace, "mirror")
    cluster.wait_ready("pod", namespace, "client")

    def seen() -> Object:
        found: Object = json.loads(cluster.exec(namespace, "client", "curl", "-sS", "http://mirror"))
        return found

    until(lambda: "via" in {name.lower() for name in seen()["headers"]})
    headers = {name.lower(): value for name, value in seen()["headers"].items()}
    assert seen()["peer"] == cluster.nodes[1].address
    assert headers["host"] == "mirror"
    address = cluster.get("pod", namespace, "client")["status"]["podIP"]
    assert f"for={address};" in headers["forwarded"]


def test_other_protocols_pass_and_are_routed_by_the_dtab_too(
    cluster: Cluster, mesh: Release, namespace: str, state: State
):
    for name in ("cache", "cache-next"):
        cluster.apply([cache(name), cache_service(name), client(proxy=False)], namespace)
    for name in ("cache", "cache-next"):
        cluster.wait_ready("deployment", namespace, name)
    cluster.wait_ready("pod", namespace, "client")
    flows = mesh.metric("node-1", f"{SERVER}/flow/requests")
    talk = ("python3", "-c", TALK, "cache")
    assert cluster.exec(namespace, "client", *talk, "6379", "client") == "+PONG cache\n"
    began = time.monotonic()
    assert cluster.exec(namespace, "client", *talk, "25", "server") == "220 cache\n+PONG cache\n"
    waited = time.monotonic() - began
    assert mesh.metric("node-1", f"{SERVER}/flow/requests") - flows == 2
    assert mesh.metric("node-1", f"{SERVER}/captured/detect_timeouts") == 0  # the port of mail is known to be such
    mesh.write_dtab(f"{mesh.dtab()}\n/service/{namespace}/cache/6379 => /srv/{namespace}/cache-next/redis ;\n")
    until(lambda: cluster.exec(namespace, "client", *talk, "6379", "client") == "+PONG cache-next\n")
    assert cluster.exec(namespace, "client", *talk, "25", "server").startswith("220 cache\n")
    state(f"a server that speaks first was heard through both routers, the client's start included, in {waited:.2f} s")


def cache(name: str) -> Object:
    made = container(args=["-c", CACHE], readinessProbe={"tcpSocket": {"port": 6379}, "periodSeconds": 1})
    made["env"].append({"name": "SAY", "value": name})
    return workload("Deployment", name, made, replicas=1, nodeName="node-2")


def cache_service(name: str) -> Object:
    ports = [{"name": "redis", "port": 6379}, {"name": "mail", "port": 25, "targetPort": 2500}]
    spec = {"selector": {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def test_a_namespace_may_opt_out_and_in_again(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """Nothing fails over it, in either direction."""
    serve_unknowing(cluster, namespace)
    until(lambda: routed(cluster, namespace))
    taken = []
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        for label, wanted in (("=disabled", False), ("-", True)):
            cluster.control_plane.kubectl("label", "namespace", namespace, f"noderouter.io/intercept{label}")
            began = time.monotonic()
            until(lambda wanted=wanted: routed(cluster, namespace) is wanted)
            taken.append(time.monotonic() - began)
            traffic.more()
    assert not traffic.failed(), kinds(traffic.failed())
    state(f"out within {taken[0]:.2f} s and in within {taken[1]:.2f} s of kubectl's return; {traffic.figure()}")


def test_what_is_captured_is_shown_and_checked(cluster: Cluster, mesh: Release, namespace: str):
    serve_unknowing(cluster, namespace)
    until(lambda: routed(cluster, namespace))
    shown = json.loads(mesh.admin("node-1", "/intercept.json"))
    pods = {pod["pod"]: pod["captured"] for pod in shown["pods"]}
    assert pods[f"{namespace}/client"] is True
    router = mesh.routers()["node-1"]
    assert pods[f"{NAMESPACE}/{router}"] is False
    said = cluster.exec(NAMESPACE, router, "noderouter", "check", CONFIG, container="noderouter")
    assert not [line for line in said.splitlines() if line.startswith("fail")]
    assert "ok   keeper /run/noderouter/intercept.sock: capturing: nftables, failure mode open, " in said
    assert "ok   capture port 0.0.0.0:4143: a router takes captured connections there" in said
    assert "ok   right to watch pods in all namespaces: granted" in said
    status = cluster.exec(NAMESPACE, router, "noderouter", "intercept", "status", container="intercept")
    assert "armed True" in status
    assert "Phase:          Succeeded" in cluster.control_plane.helm("test", mesh.name, "-n", NAMESPACE)


def test_only_the_container_of_the_rules_is_privileged(cluster: Cluster, mesh: Release):
    router = mesh.routers()["node-1"]
    privileges = {}
    for name in ("noderouter", "intercept"):
        status = cluster.exec(NAMESPACE, router, "cat", "/proc/1/status", container=name)
        privileges[name] = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    assert privileges == {"noderouter": f"{0:016x}", "intercept": f"{1 << 12 | 1 << 13:016x}"}  # NET_ADMIN, NET_RAW


def test_an_upgrade_loses_nothing(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """Each node's router is replaced. While it is away, its pods go directly, and others reach its pods directly."""
    serve_unknowing(cluster, namespace)
    until(lambda: routed(cluster, namespace))
    before = mesh.routers()
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        mesh.upgrade("--set", "logLevel=WARNING")
        traffic.more()
    assert not set(before.values()) & set(mesh.routers().values())
    assert not traffic.failed(), kinds(traffic.failed())
    until(lambda: routed(cluster, namespace))
    state(traffic.figure())


def test_a_router_and_a_keeper_that_are_killed_cost_no_more_than_the_timer(
    cluster: Cluster, mesh: Release, namespace: str, state: State
):
    serve_unknowing(cluster, namespace)
    until(lambda: routed(cluster, namespace))
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        cluster.kill_pod(NAMESPACE, mesh.routers()["node-1"])
        killed = time.monotonic()
        until(lambda: routed(cluster, namespace), 60)
        traffic.more()
    failed = traffic.failed()
    last = max((request.began for request in failed), default=killed) - killed
    assert last < TIMER_SECONDS + BUSY_SECONDS, kinds(failed)
    state(f"the last request that failed began {last:.2f} s after the kill; {traffic.figure()}")


def test_a_killed_router_of_another_node_costs_until_the_api_has_heard(
    cluster: Cluster, mesh: Release, namespace: str, state: State
):
    """The pods are behind it; from then on they are reached directly."""
    serve_unknowing(cluster, namespace)
    until(lambda: routed(cluster, namespace))
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        cluster.kill_pod(NAMESPACE, mesh.routers()["node-2"])
        killed = time.monotonic()
        traffic.until(lambda request: request.began - killed > TIMER_SECONDS + BUSY_SECONDS, killed)
    failed = traffic.failed()
    last = max((request.began for request in failed), default=killed) - killed
    assert last < TIMER_SECONDS + BUSY_SECONDS, kinds(failed)
    state(f"the last request that failed began {last:.2f} s after the kill; {traffic.figure()}")
