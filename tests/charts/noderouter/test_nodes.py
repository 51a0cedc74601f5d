"""The chart on two nodes: routers start, carry requests to the node of the pod, and end as the chart says."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from noderouter.config.kind import kinds_in
from noderouter.namer.kind import NamerKind
from noderouter.naming.interpreter.kind import InterpreterKind
from tests.charts.helm import CHART
from tests.cluster.cluster import Cluster, until
from tests.cluster.workload import container, pod, service, workload

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        "io.l5d.k8s" not in kinds_in("noderouter.namer", NamerKind), reason="the namer io.l5d.k8s is not built"
    ),
]

ROUTER = "router-noderouter"

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


def chart_values(folder: Path) -> Path:
    """Nothing; but where the dtab cannot be read from a ConfigMap yet, it stands in the configuration."""
    values: dict[str, object] = {}
    if "io.l5d.k8s.configMap" not in kinds_in("noderouter.naming.interpreter", InterpreterKind):
        dtab = yaml.safe_load((CHART / "values.yaml").read_text())["dtab"]
        values = {"outgoing": {"router": {"interpreter": {"kind": "default"}, "dtab": dtab}}}
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture
def mesh(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[str]:
    """The chart in a namespace, and a client on node 1; answers the namespace."""
    values = chart_values(tmp_path)
    cluster.control_plane.helm("install", "router", str(CHART), "-n", namespace, "--values", str(values))
    try:
        cluster.apply(pod("client", nodeName="node-1"), namespace)
        cluster.wait_ready("daemonset", namespace, ROUTER)
        cluster.wait_ready("pod", namespace, "client")
        yield namespace
    finally:
        cluster.control_plane.helm("uninstall", "router", "-n", namespace, "--wait", "--ignore-not-found")


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


def routers(cluster: Cluster, namespace: str) -> dict[str, str]:
    """The pod of the router on each node, those that are ending left out."""
    pods = cluster.pods(namespace, "app.kubernetes.io/name=noderouter")
    return {p["spec"]["nodeName"]: p["metadata"]["name"] for p in pods if "deletionTimestamp" not in p["metadata"]}


def metric(cluster: Cluster, namespace: str, node: str, path: str) -> float:
    """A counter of the router on a node."""
    text = cluster.exec(
        namespace, routers(cluster, namespace)[node], "curl", "-sS", "localhost:9990/admin/metrics.json"
    )
    return float(json.loads(text).get(path, 0))


def test_a_request_crosses_the_routers_of_both_nodes(cluster: Cluster, mesh: str):
    serve(cluster, mesh, "hello", "node-2")
    assert ask(cluster, mesh, "hello").startswith("hello from hello-")
    heads = ask(cluster, mesh, "hello", "--dump-header", "-", "--output", "/dev/null")
    assert "via: 1.1 linkerd, 1.1 linkerd" in heads
    counted = "rt/{}/server/0.0.0.0/{}/success"
    assert metric(cluster, mesh, "node-1", counted.format("outgoing", 4140)) == 2
    assert metric(cluster, mesh, "node-2", counted.format("incoming", 4141)) == 2
    assert metric(cluster, mesh, "node-1", counted.format("incoming", 4141)) == 0


def test_a_canary_on_another_node_is_drawn_once(cluster: Cluster, mesh: str):
    """Were it drawn by each router, the incoming one would look on its node for pods that are on the other."""
    serve(cluster, mesh, "hello", "node-1")
    serve(cluster, mesh, "hello-canary", "node-2")
    shares = f"1 * /host/{mesh}/hello & 1 * /host/{mesh}/hello-canary"
    many = ["-H", f"l5d-dtab: /svc/hello.{mesh} => {shares}", "--write-out", "%{http_code}\n"]
    said = cluster.exec(*curl(mesh, f"hello.{mesh}/?[1-200]", *many))
    seen = Counter(re.findall(r"^(hello\S*) from", said, re.MULTILINE))
    assert said.count("200\n") == 200, said
    assert set(seen) == {"hello", "hello-canary"}
    assert min(seen.values()) > 60


def test_helm_test_passes(cluster: Cluster, mesh: str):
    said = cluster.control_plane.helm("test", "router", "-n", mesh)
    assert re.search(r"Phase: +Succeeded", said)
    assert not [p for p in cluster.pods(mesh) if p["metadata"]["name"].endswith("-test")]


def test_the_router_has_no_privileges(cluster: Cluster, mesh: str):
    status = cluster.exec(mesh, routers(cluster, mesh)["node-1"], "sh", "-c", "cat /proc/$(pgrep -o noderouter)/status")
    assert re.search(r"^Uid:\t65532\t65532\t", status, re.MULTILINE), status


def test_a_request_in_progress_outlives_the_router_s_replacement(cluster: Cluster, mesh: str):
    slow = container(args=["-c", SLOW], readinessProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 1})
    cluster.apply([workload("Deployment", "slow", slow, replicas=1, nodeName="node-2"), service("slow")], mesh)
    cluster.wait_ready("deployment", mesh, "slow")
    [server] = [p["metadata"]["name"] for p in cluster.pods(mesh, "app=slow")]
    before = routers(cluster, mesh)
    with cluster.popen(*curl(mesh, f"slow.{mesh}/6")) as request:
        until(lambda: "asked" in cluster.logs(mesh, server))
        began = time.monotonic()
        for name in before.values():  # both routers on its way
            cluster.control_plane.kubectl("delete", "pod", name, "-n", mesh, "--wait=false")
        said, _ = request.communicate(timeout=30)
    assert (request.returncode, said) == (0, "late")
    until(lambda: not set(before.values()) & {p["metadata"]["name"] for p in cluster.pods(mesh)})
    assert time.monotonic() - began < 30  # of the 40 that they have: they do not wait for what is not there
    cluster.wait_ready("daemonset", mesh, ROUTER)
    assert set(routers(cluster, mesh)) == {"node-1", "node-2"}
