"""Real nodes are what tests take them for, and leave nothing behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.cluster import CHECKOUT
from tests.cluster.controlplane import CommandFailed
from tests.cluster.real import reaper
from tests.cluster.real.cluster import PROXY_MODES, RealCluster
from tests.cluster.workload import CLIENT, container, pod, service, workload

pytestmark = pytest.mark.root


def test_containers_services_names_and_host_ports(real_cluster: RealCluster, real_namespace: str):
    listening = container()
    listening["ports"] = [{"name": "http", "containerPort": 8080, "hostPort": 18080}]
    real_cluster.apply(
        [workload("DaemonSet", "hello", listening), service("hello"), pod("client"), pod("other", nodeName="node-2")],
        real_namespace,
    )
    real_cluster.wait_ready("daemonset", real_namespace, "hello")
    for name in ("client", "other"):  # kube-proxy is of one kind on one node, and of another on the other
        real_cluster.wait_ready("pod", real_namespace, name)
        until(lambda name=name: reaches(real_cluster, real_namespace, name))  # kube-proxy may be a moment behind
        said = {real_cluster.exec(real_namespace, name, "curl", "-sS", "http://hello") for _ in range(20)}
        assert len(said) == 2
        assert all(each.startswith("hello from hello-") for each in said)
    for node in real_cluster.nodes:
        assert real_cluster.run("curl", "-sS", f"http://{node.address}:18080").startswith("hello from hello-")


def reaches(cluster: RealCluster, namespace: str, name: str) -> bool:
    """Whether the name `hello` is known in a pod, and the Service behind it answers."""
    try:
        return bool(cluster.exec(namespace, name, "curl", "-sS", "http://hello"))
    except CommandFailed:
        return False


def test_kube_proxy_is_of_both_kinds(real_cluster: RealCluster):
    for node, mode in zip(real_cluster.real.values(), PROXY_MODES, strict=False):
        until(lambda node=node: "kube-proxy" in node.run("nft", "list", "tables") or "KUBE-SVC" in rules(node))
        assert ("KUBE-SVC" in rules(node)) == (mode == "iptables"), node
        assert ("table ip kube-proxy" in node.run("nft", "list", "tables")) == (mode == "nftables"), node


def rules(node) -> str:
    return node.run("iptables-save")


def test_exec_logs_and_port_forward(real_cluster: RealCluster, real_namespace: str):
    plane = real_cluster.control_plane
    real_cluster.apply(pod("hello", container()), real_namespace)
    real_cluster.wait_ready("pod", real_namespace, "hello")
    assert real_cluster.exec(real_namespace, "hello", "cat", input="typed") == "typed"
    with pytest.raises(CommandFailed) as failed:
        real_cluster.exec(real_namespace, "hello", "sh", "-c", "echo oh >&2; exit 7")
    assert "oh" in failed.value.stderr
    assert "listening" in real_cluster.logs(real_namespace, "hello")
    with plane.popen("port-forward", "-n", real_namespace, "pod/hello", "18081:8080") as forward:
        assert forward.stdout is not None
        assert "Forwarding from 127.0.0.1:18081" in forward.stdout.readline()
        assert real_cluster.run("curl", "-sS", "http://127.0.0.1:18081").startswith("hello from hello")
        forward.terminate()


def test_a_limit_of_memory_is_the_kernels(real_cluster: RealCluster, real_namespace: str):
    glutton = {**CLIENT, "image": "python", "args": ["-c", "b = bytearray(200 << 20); import time; time.sleep(60)"]}
    glutton["resources"] = {"limits": {"memory": "64Mi"}}
    real_cluster.apply(pod("glutton", glutton, restartPolicy="Never"), real_namespace)
    until(lambda: real_cluster.get("pod", real_namespace, "glutton")["status"].get("phase") == "Failed", 30)
    [status] = real_cluster.get("pod", real_namespace, "glutton")["status"]["containerStatuses"]
    assert status["state"]["terminated"]["reason"] == "OOMKilled"


def test_a_node_that_is_restarted_keeps_its_pods(real_cluster: RealCluster, real_namespace: str):
    real_cluster.apply(pod("hello", container(), nodeName="node-1"), real_namespace)
    real_cluster.wait_ready("pod", real_namespace, "hello")
    before = real_cluster.get("pod", real_namespace, "hello")["status"]
    real_cluster.real["node-1"].restart()
    real_cluster.wait_node("node-1")
    until(lambda: answers(real_cluster, real_namespace), 30)  # it looks for the pods first
    after = real_cluster.get("pod", real_namespace, "hello")["status"]
    assert [each["containerID"] for each in after["containerStatuses"]] == [
        each["containerID"] for each in before["containerStatuses"]
    ]


def answers(cluster: RealCluster, namespace: str) -> bool:
    try:
        return cluster.exec(namespace, "hello", "cat", "/proc/1/comm").startswith("python3")
    except CommandFailed:
        return False


def left(folder: str) -> dict[str, object]:
    """What could be left of a cluster."""
    processes = subprocess.run(["pgrep", "-f", folder], capture_output=True, text=True).stdout.split()
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if folder in line]
    groups = reaper.groups(f"noderouter-tests-{Path(folder).name}")
    return {"processes": processes, "mounts": mounts, "groups": groups, "files": Path(folder).exists()}


NOTHING = {"processes": [], "mounts": [], "groups": [], "files": False}

ALONE = """
import json, sys, time
from pathlib import Path
from tests.cluster.real.cluster import RealCluster
from tests.cluster.workload import container, workload
began = time.monotonic()
with RealCluster([Path(each) for each in sys.argv[1:]], nodes=1) as cluster:
    took = time.monotonic() - began
    cluster.apply(workload("Deployment", "hello", container(), replicas=2))
    cluster.wait_ready("deployment", "default", "hello")
    print(json.dumps([str(cluster.folder), took]), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["in good order", "killed"])
def test_nothing_is_left(real_cluster: RealCluster, end: str):
    """Side by side with another cluster; also where the tests are killed."""
    argv = [sys.executable, "-c", ALONE, *map(str, real_cluster.archives)]
    links = links_here()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as tests:
        assert tests.stdout is not None
        assert tests.stdin is not None
        folder, _ = json.loads(tests.stdout.readline())
        assert left(folder)["groups"]
        if end == "killed":
            tests.send_signal(signal.SIGKILL)
        else:
            tests.stdin.close()
        tests.wait(30)
    began = time.monotonic()
    while left(folder) != NOTHING and time.monotonic() < began + 30:
        time.sleep(0.1)
    assert left(folder) == NOTHING
    assert links_here() == links


def links_here() -> list[str]:
    """The machine's own links and rules."""
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, text=True, check=True).stdout)
    tables = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    return [*sorted(link["ifname"] for link in links), tables]
