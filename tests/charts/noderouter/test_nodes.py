"""The chart on two nodes: routers start, carry requests to the node of the pod, and end as the chart says."""

import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.cluster.workload import container, pod, service, workload

pytestmark = pytest.mark.root

SLOW = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked", flush=True)
        time.sleep(float(self.path[1:]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"late")
print("listening", flush=True)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Iterator[Release]:
    """The chart in a namespace, and a client on node 1."""
    with Release.installed(cluster, namespace) as release:
        cluster.apply(pod("client", nodeName="node-1"), namespace)
        cluster.wait_ready("pod", namespace, "client")
        yield release


def serve(cluster: Cluster, namespace: str, name: str, node: str) -> None:
    """A service of two pods on one node; it says its name."""
    server = container()
    server["env"] += [{"name": "SAY", "value": name}]
    cluster.apply([workload("Deployment", name, server, replicas=2, nodeName=node), service(name)], namespace)
    cluster.wait_ready("deployment", namespace, name)


def curl(namespace: str, host: str, *args: str) -> list[str]:
    """What the client runs: a request by the proxy of its node."""
    proxy = ["--proxy", "http://node-1:4140"]
    return [namespace, "client", "curl", "-sS", "--fail-with-body", "--max-time", "30", *proxy, *args, f"http://{host}"]


def ask(cluster: Cluster, namespace: str, host: str, *args: str) -> str:
    return cluster.exec(*curl(namespace, f"{host}.{namespace}/", *args))


def test_a_request_crosses_the_routers_of_both_nodes(cluster: Cluster, release: Release):
    serve(cluster, release.namespace, "hello", "node-2")
    assert ask(cluster, release.namespace, "hello").startswith("hello from hello-")
    heads = ask(cluster, release.namespace, "hello", "--dump-header", "-", "--output", "/dev/null")
    assert "via: 1.1 linkerd, 1.1 linkerd" in heads
    counted = "rt/{}/server/0.0.0.0/{}/success"
    assert release.metric("node-1", counted.format("outgoing", 4140)) == 2
    assert release.metric("node-2", counted.format("incoming", 4141)) == 2
    assert release.metric("node-1", counted.format("incoming", 4141)) == 0


def test_a_canary_on_another_node_is_drawn_once(cluster: Cluster, release: Release):
    """Were it drawn by each router, the incoming one would look on its node for pods that are on the other."""
    serve(cluster, release.namespace, "hello", "node-1")
    serve(cluster, release.namespace, "hello-canary", "node-2")
    # With `.svc` it is another name for the same, which the override does not meet again.
    shares = f"1 * /svc/hello.{release.namespace}.svc & 1 * /svc/hello-canary.{release.namespace}"
    many = ["-H", f"l5d-dtab: /svc/hello.{release.namespace} => {shares}", "--write-out", "%{http_code}\n"]
    said = cluster.exec(*curl(release.namespace, f"hello.{release.namespace}/?[1-200]", *many))
    seen = Counter(re.findall(r"^(hello\S*) from", said, re.MULTILINE))
    assert said.count("200\n") == 200, said
    assert set(seen) == {"hello", "hello-canary"}
    assert min(seen.values()) > 60


def test_helm_test_passes(cluster: Cluster, release: Release):
    said = cluster.control_plane.helm("test", "router", "-n", release.namespace)
    assert re.search(r"Phase: +Succeeded", said)
    assert not [p for p in cluster.pods(release.namespace) if p["metadata"]["name"].endswith("-test")]


def test_the_router_has_no_privileges(cluster: Cluster, release: Release):
    status = cluster.exec(
        release.namespace, release.routers()["node-1"], "sh", "-c", "cat /proc/$(pgrep -o noderouter)/status"
    )
    assert re.search(r"^Uid:\t65532\t65532\t", status, re.MULTILINE), status


def test_a_request_in_progress_outlives_the_router_s_replacement(cluster: Cluster, release: Release):
    slow = container(args=["-c", SLOW], readinessProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 1})
    cluster.apply(
        [workload("Deployment", "slow", slow, replicas=1, nodeName="node-2"), service("slow")], release.namespace
    )
    cluster.wait_ready("deployment", release.namespace, "slow")
    [server] = [p["metadata"]["name"] for p in cluster.pods(release.namespace, "app=slow")]
    before = release.routers()
    with cluster.popen(*curl(release.namespace, f"slow.{release.namespace}/6")) as request:
        until(lambda: "asked" in cluster.logs(release.namespace, server))
        began = time.monotonic()
        for name in before.values():  # both routers on its way
            cluster.control_plane.kubectl("delete", "pod", name, "-n", release.namespace, "--wait=false")
        said, _ = request.communicate(timeout=30)
    assert (request.returncode, said) == (0, "late")
    until(lambda: not set(before.values()) & {p["metadata"]["name"] for p in cluster.pods(release.namespace)})
    assert time.monotonic() - began < 30  # of the 40 that they have: they do not wait for what is not there
    cluster.wait_ready("daemonset", release.namespace, release.fullname)
    assert set(release.routers()) == {"node-1", "node-2"}
