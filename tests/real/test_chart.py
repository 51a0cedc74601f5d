"""The chart and its image, installed by helm on real nodes: from the first pod to nothing left."""

import re
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.charts.helm import CHART
from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.real.cluster import RealCluster
from tests.testing.figures import State
from tests.testing.tls import leaf, write_files

pytestmark = pytest.mark.root

HOST_PORT = 4140
ADMIN_PORT = 9990
BARE_SECONDS = 120.0
"""A kubelet that could not take a pod's network down tries again each minute."""
SUCCEEDED = re.compile(r"Phase: +Succeeded")


def test_the_life_of_a_release(real_cluster: RealCluster, real_namespace: str, state: State, tmp_path: Path):
    plane = real_cluster.control_plane
    wait_for_bare_nodes(real_cluster)  # a kubelet ends what an earlier test deleted in its own time
    objects = everything(real_cluster, real_namespace)
    release = Release(real_cluster, real_namespace)
    began = time.monotonic()
    plane.helm("install", "router", str(CHART), "-n", real_namespace, "--set", "minReadySeconds=0")
    real_cluster.wait_ready("daemonset", real_namespace, release.fullname)
    ready = time.monotonic() - began
    for node in real_cluster.nodes:
        assert by_host_port(real_cluster, node.address).startswith("HTTP/1.1 200")
        assert f"--dport {HOST_PORT}" in left_on_nodes(real_cluster)[node.name]
    with forwarded(release, ADMIN_PORT) as port:
        address = f"http://127.0.0.1:{port}/"
        assert real_cluster.run("curl", "-sS", address).startswith("noderouter")
        assert '<h1 id="title">' in real_cluster.run("curl", "-sS", "-H", "accept: text/html", address)
    assert SUCCEEDED.search(plane.helm("test", "router", "-n", real_namespace))

    first = set(release.routers().values())
    # On the pod's own address, where the API server's proxy reaches it, and with it commands from anywhere.
    release.upgrade("--set", "logLevel=DEBUG", "--set", "admin.ip=0.0.0.0")
    assert {node.name for node in real_cluster.nodes} <= set(status_of_all(release).split())
    second = set(release.routers().values())
    assert arguments(release)[-1] == "--log-level=DEBUG"
    # With TLS, and a token: of a certificate that no system trusts, and for another name than the pods have.
    chain, key = write_files(tmp_path, leaf("somebody.test"))
    plane.kubectl("create", "secret", "tls", "keys", "-n", real_namespace, f"--cert={chain}", f"--key={key}")
    release.upgrade("--set", "admin.tls.secretName=keys", "--set", "admin.token.enabled=true")
    third = set(release.routers().values())
    secret = real_cluster.get("secret", real_namespace, f"{release.fullname}-admin")
    token = tmp_path / "token"
    token.write_bytes(b64decode(secret["data"]["token"]))
    assert {node.name for node in real_cluster.nodes} <= set(status_of_all(release, "--token-file", token).split())
    assert SUCCEEDED.search(plane.helm("test", "router", "-n", real_namespace))
    plane.helm("rollback", "router", "1", "-n", real_namespace)
    real_cluster.wait_ready("daemonset", real_namespace, release.fullname, 120)
    plane.kubectl("delete", "secret", "keys", "-n", real_namespace)
    fourth = set(release.routers().values())
    assert arguments(release)[-1] == "--log-level=INFO"
    assert len(first | second | third | fourth) == 4 * len(real_cluster.nodes)

    began = time.monotonic()
    plane.helm("uninstall", "router", "-n", real_namespace, "--wait")
    until(lambda: everything(real_cluster, real_namespace) == objects)
    wait_for_bare_nodes(real_cluster)
    gone = time.monotonic() - began
    state(
        f"ready on two nodes {ready:.1f} s after `helm install` began, nothing left {gone:.1f} s after `uninstall` did"
    )


def by_host_port(cluster: RealCluster, address: str) -> str:
    """What a router answers at the port of its node, to a request that ends there."""
    return cluster.run("curl", "-sS", "-i", "-X", "OPTIONS", "-H", "Max-Forwards: 0", f"http://{address}:{HOST_PORT}/")


def status_of_all(release: Release, *more: str | Path) -> str:
    """What `noderouter status` prints of the release, which it has by the API server's proxy to pods."""
    plane = release.cluster.control_plane
    which = ("--all", "--namespace", release.namespace, "--kubeconfig", str(plane.admin_kubeconfig))
    return release.cluster.run(sys.executable, "-m", "noderouter.cli", "status", *which, *map(str, more))


def arguments(release: Release) -> list[str]:
    """Those of the routers' command."""
    pods = release.cluster.get("daemonset", release.namespace, release.fullname)["spec"]["template"]["spec"]
    found: list[str] = pods["containers"][0]["args"]
    return found


@contextmanager
def forwarded(release: Release, port: int) -> Iterator[int]:
    """The port of loopback where `kubectl port-forward` listens for a router's `port`."""
    what = ("port-forward", "-n", release.namespace, f"daemonset/{release.fullname}", f":{port}")
    with release.cluster.control_plane.popen(*what) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().partition("127.0.0.1:")[2].split()[0])
        finally:
            process.terminate()


def everything(cluster: RealCluster, namespace: str) -> set[str]:
    """All objects of the namespace, and those of no namespace that a chart may make; Events left out."""
    plane = cluster.control_plane
    kinds = set(plane.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").split())
    kinds -= {"events", "events.events.k8s.io"}
    found = plane.kubectl("get", ",".join(sorted(kinds)), "-n", namespace, "-o", "name").split()
    return {*found, *plane.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").split()}


def wait_for_bare_nodes(cluster: RealCluster) -> None:
    """Wait until no node has anything of a router."""
    left = {}

    def bare() -> bool:
        left.update(left_on_nodes(cluster))
        return not any(left.values())

    try:
        until(bare, BARE_SECONDS)
    except TimeoutError:
        pytest.fail(f"this is left: {left}")


def left_on_nodes(cluster: RealCluster) -> dict[str, str]:
    """What nodes have of routers: processes, and rules that have to do with the host port."""
    found = {}
    for name, node in cluster.real.items():
        lines = f"{node.run('ps', '-eo', 'args')}\n{node.run('iptables-save')}\n{node.run('nft', 'list', 'ruleset')}"
        kept = [line for line in lines.splitlines() if "noderouter run" in line or f"dport {HOST_PORT}" in line]
        found[name] = "\n".join(kept)
    return found
