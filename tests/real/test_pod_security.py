"""What the Pod Security Standards let in, as the API server enforces them: the routers, and pods that use them."""

import re
import shlex
import time
from collections.abc import Iterator

import pytest

from tests.charts.helm import CHART
from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.fixtures import namespace_of
from tests.cluster.real.cluster import RealCluster
from tests.cluster.workload import CLIENT, Object, container, pod, service, workload
from tests.testing.figures import State

pytestmark = pytest.mark.root

QUICK = ("--set", "minReadySeconds=0,preStopSeconds=0")
INTERCEPT = ("--set", "intercept.enabled=true")
NO_HOST_PORT = ("--set", "ports.outgoing.hostPort=null")
MODEST: Object = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
NODE_IP = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}


@pytest.fixture
def application(real_cluster: RealCluster) -> Iterator[str]:
    """A namespace that enforces `restricted`, with a service, and a client on each node that knows only its node's address."""
    namespaces = namespace_of(real_cluster.control_plane)
    name = next(namespaces)
    enforce(real_cluster, name, "restricted")
    made = [workload("Deployment", "hello", container(securityContext=MODEST), replicas=2), service("hello")]
    for node in real_cluster.nodes:
        sleeper = {**CLIENT, "command": ["sleep", "infinity"], "env": [NODE_IP], "securityContext": MODEST}
        made.append(pod(f"client-{node.name}", sleeper, nodeName=node.name))
    real_cluster.apply(made, name)
    yield name
    namespaces.close()


def enforce(cluster: RealCluster, namespace: str, level: str) -> None:
    label = f"pod-security.kubernetes.io/enforce={level}"
    cluster.control_plane.kubectl("label", "--overwrite", "namespace", namespace, label)


def ask(cluster: RealCluster, namespace: str, *how: str) -> set[str]:
    """What a client on each node is answered: `via` and body; the arguments of curl that say how are for its shell."""
    found = set()
    for node in cluster.nodes:
        command = f"curl -sS -i {' '.join(how)} http://hello.{namespace}"
        until(lambda node=node: cluster.get("pod", namespace, f"client-{node.name}")["status"]["phase"] == "Running")
        said = cluster.exec(namespace, f"client-{node.name}", "sh", "-c", command)
        found.add(said)
    return found


def refusals(cluster: RealCluster, namespace: str) -> str:
    """Why pods of the DaemonSet were not made."""
    fields = ("--field-selector", "reason=FailedCreate", "-o", "jsonpath={.items[*].message}")
    return cluster.control_plane.kubectl("get", "events", "-n", namespace, *fields)


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_a_strict_namespace_is_told_what_it_needs(
    real_cluster: RealCluster, real_namespace: str, application: str, state: State, level: str
):
    """Neither the host port nor interception is let in; with the command of the notes both are, by and by."""
    plane = real_cluster.control_plane
    enforce(real_cluster, real_namespace, level)
    release = Release(real_cluster, real_namespace)
    b = time.monotonic()
    said = plane.helm("install", "router", str(CHART), "-n", real_namespace, *QUICK)
    until(lambda: f'violates PodSecurity "{level}:latest": hostPort' in refusals(real_cluster, real_namespace))
    print("refused", time.monotonic() - b)
    b = time.monotonic()
    plane.helm("upgrade", "router", str(CHART), "-n", real_namespace, *QUICK, *INTERCEPT)
    until(lambda: "host namespaces" in refusals(real_cluster, real_namespace))
    print("refused", time.monotonic() - b)
    print(refusals(real_cluster, real_namespace))
    assert not release.routers()
    if level == "baseline":
        b = time.monotonic()
        [command] = re.findall(r"^ +kubectl (label .*)", said, re.MULTILINE)
        plane.kubectl(*shlex.split(command))
        real_cluster.wait_ready("daemonset", real_namespace, release.fullname)
        print("ready", time.monotonic() - b)
        print(ask(real_cluster, application))
        print(ask(real_cluster, application, "--proxy http://$NODE_IP:4140"))
    b = time.monotonic()
    plane.helm("uninstall", "router", "-n", real_namespace, "--wait")
    print("uninstalled", time.monotonic() - b)
    until(lambda: not real_cluster.pods(real_namespace))
    print("uninstalled", time.monotonic() - b)


def test_without_a_host_port_restricted_is_enough(
    real_cluster: RealCluster, real_namespace: str, application: str, state: State
):
    enforce(real_cluster, real_namespace, "restricted")
    with Release.installed(real_cluster, real_namespace, "router", *QUICK, *NO_HOST_PORT) as release:
        real_cluster.control_plane.helm("test", "router", "-n", real_namespace)
        print(ask(real_cluster, application, f"--proxy http://{release.fullname}.{real_namespace}:4140"))
