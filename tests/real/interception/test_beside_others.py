"""Nothing of the node notices: kube-proxy goes on writing its rules, and the kubelet's probes come as they came."""

import json
import subprocess

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.real.cluster import RealCluster
from tests.cluster.real.node import RealNode
from tests.cluster.workload import container, service, workload
from tests.real.interception.site import Side
from tests.testing.figures import State

pytestmark = pytest.mark.root

KINDS = ("startup", "readiness", "liveness")

# Lines are written whole: probes coincide.
SAYS_WHO_ASKS = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        os.write(1, json.dumps([self.path, self.client_address[0], headers]).encode() + b"\\n")
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def test_a_kube_proxy_with_an_earlier_nft_goes_on(
    real_cluster: RealCluster, sides: list[Side], real_namespace: str, state: State
):
    """An nft may crash on what a later one has made (kubernetes/kubernetes#136786), and then writes no rules."""
    made = [workload("Deployment", "hello", container(), replicas=2), service("hello")]
    real_cluster.apply(made, real_namespace)
    real_cluster.wait_ready("deployment", real_namespace, "hello")
    address = real_cluster.get("service", real_namespace, "hello")["spec"]["clusterIP"]
    versions = set()
    for side in sides:
        node = real_cluster.real[side.node]
        assert "table inet noderouter" in node.run("nft", "list", "ruleset"), node
        router = side.mesh.routers()[side.node]
        ours = real_cluster.exec(side.mesh.namespace, router, "nft", "-v", container="intercept")
        versions.add(f"{ours.split()[1]} beside {node.run('nft', '-v').split()[1]}")
        # from the node itself, which is not captured
        until(lambda node=node: said(node, f"http://{address}").startswith("hello from"), 60)
    state(f"nft {', '.join(versions)}: a new Service was reached by it on both nodes")


def said(node: RealNode, url: str) -> str:
    try:
        return node.run("curl", "-sS", "--max-time", "2", url)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)


def test_probes_come_from_the_kubelet_as_before(
    real_cluster: RealCluster, sides: list[Side], real_namespace: str, state: State
):
    """While the requests of a pod to the same pods are captured."""
    probe = {"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 60}
    probes = {f"{kind}Probe": {"httpGet": {"path": f"/{kind}", "port": "http"}, **probe} for kind in KINDS}
    server = container(args=["-c", SAYS_WHO_ASKS], **probes)
    real_cluster.apply([workload("DaemonSet", "seen", server), service("seen")], real_namespace)
    real_cluster.wait_ready("daemonset", real_namespace, "seen")
    told = []
    for side in sides:
        url = f"http://seen.{real_namespace}/"
        until(lambda side=side, url=url: "via" in side.cluster.exec(side.namespace, "client", "curl", "-sSi", url), 60)
    for pod in real_cluster.pods(real_namespace, "app=seen"):
        name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]

        def asked(name: str = name) -> list[tuple[str, str, dict[str, str]]]:
            return [json.loads(line) for line in real_cluster.logs(real_namespace, name).splitlines()]

        until(lambda asked=asked: all([path for path, *_ in asked()].count(f"/{kind}") > 2 for kind in KINDS[1:]), 60)
        bridge = pod["status"]["podIP"].rpartition(".")[0] + ".1"
        for path, peer, headers in asked():
            if path != "/":
                assert (peer, "via" in headers) == (bridge, False), (path, headers)
                assert headers["user-agent"].startswith("kube-probe/")
        [status] = real_cluster.get("pod", real_namespace, name)["status"]["containerStatuses"]
        assert (status["ready"], status["restartCount"]) == (True, 0)
        told.append(f"{sum(path != '/' for path, *_ in asked())} probes on {node}")
    state(f"{', '.join(told)}: all from the node itself, through no router")
