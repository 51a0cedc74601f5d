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
THROUGH = {"1.1 linkerd, 1.1 linkerd"}
NODE_IP = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}


@pytest.fixture
def application(real_cluster: RealCluster) -> Iterator[str]:
    """A namespace that enforces `restricted`: a service, and a client on each node, which knows its node's address."""
    namespaces = namespace_of(real_cluster.control_plane)
    name = next(namespaces)
    enforce(real_cluster, name, "restricted")
    made = [workload("Deployment", "hello", container(securityContext=MODEST), replicas=2), service("hello")]
    for node in real_cluster.nodes:
        sleeper = {**CLIENT, "command": ["sleep", "infinity"], "env": [NODE_IP], "securityContext": MODEST}
        made.append(pod(f"client-{node.name}", sleeper, nodeName=node.name))
    real_cluster.apply(made, name)
    real_cluster.wait_ready("deployment", name, "hello")
    for node in real_cluster.nodes:
        real_cluster.wait_ready("pod", name, f"client-{node.name}")
    yield name
    namespaces.close()


def enforce(cluster: RealCluster, namespace: str, level: str) -> None:
    label = f"pod-security.kubernetes.io/enforce={level}"
    cluster.control_plane.kubectl("label", "--overwrite", "namespace", namespace, label)


def ask(cluster: RealCluster, namespace: str, *how: str) -> set[str]:
    """The `via` of what clients on both nodes are answered; `how` are arguments of curl, for the pod's shell."""
    found = set()
    for node in cluster.nodes:
        command = f"curl -sS -i {' '.join(how)} http://hello.{namespace}"
        said = cluster.exec(namespace, f"client-{node.name}", "sh", "-c", command)
        assert "hello from hello-" in said
        found.update(re.findall(r"^via: (.*?)\r?$", said, re.MULTILINE) or ["directly"])
    return found


def refusals(cluster: RealCluster, namespace: str) -> str:
    """Why pods of the DaemonSet were not made."""
    fields = ("--field-selector", "reason=FailedCreate", "-o", "jsonpath={.items[*].message}")
    return cluster.control_plane.kubectl("get", "events", "-n", namespace, *fields)


def needed(notes: str) -> list[str]:
    """The arguments of kubectl that give a namespace the label, by the notes of a release."""
    [command] = re.findall(r"^ +kubectl (label .*enforce=.*)$", notes, re.MULTILINE)
    return shlex.split(command)


def test_baseline_lets_in_neither_host_port_nor_interception(
    real_cluster: RealCluster, real_namespace: str, state: State
):
    """The notes say so; and a release without pods can be uninstalled, though interception has a hook for that."""
    plane = real_cluster.control_plane
    enforce(real_cluster, real_namespace, "baseline")
    notes = plane.helm("install", "router", str(CHART), "-n", real_namespace)
    assert "its pods are refused, because of host port 4140" in notes
    until(lambda: 'violates PodSecurity "baseline:latest": hostPort' in refusals(real_cluster, real_namespace))
    notes = plane.helm("upgrade", "router", str(CHART), "-n", real_namespace, *INTERCEPT)
    assert "its pods are refused, because of interception" in notes
    until(lambda: "host namespaces (hostNetwork=true)" in refusals(real_cluster, real_namespace))
    assert not Release(real_cluster, real_namespace).routers()
    plane.helm("uninstall", "router", "-n", real_namespace, "--wait", "--timeout=150s")
    state("both are refused, and taken away")


def test_with_the_label_of_the_notes_restricted_pods_use_the_routers(
    real_cluster: RealCluster, real_namespace: str, application: str, state: State
):
    """Nothing is asked of them: neither by the host port nor with interception, on either kind of node."""
    plane = real_cluster.control_plane
    enforce(real_cluster, real_namespace, "restricted")
    notes = plane.helm("install", "router", str(CHART), "-n", real_namespace, *QUICK, *INTERCEPT)
    release = Release(real_cluster, real_namespace)
    until(lambda: 'violates PodSecurity "restricted:latest"' in refusals(real_cluster, real_namespace))
    labelled = time.monotonic()
    plane.kubectl(*needed(notes))
    try:
        real_cluster.wait_ready("daemonset", real_namespace, release.fullname)
        ready = time.monotonic() - labelled
        until(lambda: ask(real_cluster, application) == THROUGH)
        assert ask(real_cluster, application, "--proxy http://$NODE_IP:4140") == THROUGH
    finally:
        plane.helm("uninstall", "router", "-n", real_namespace, "--wait")
    assert ask(real_cluster, application) == {"directly"}
    state(f"ready {ready:.1f} s after the label; captured and by the host port, on both nodes")


def test_without_a_host_port_restricted_is_enough(
    real_cluster: RealCluster, real_namespace: str, application: str, state: State
):
    enforce(real_cluster, real_namespace, "restricted")
    with Release.installed(real_cluster, real_namespace, "router", *QUICK, *NO_HOST_PORT) as release:
        real_cluster.control_plane.helm("test", "router", "-n", real_namespace)
        assert ask(real_cluster, application, f"--proxy http://{release.fullname}.{real_namespace}:4140") == THROUGH
    state("routers and clients in namespaces that enforce `restricted`: by the Service, on both nodes")
