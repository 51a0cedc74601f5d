"""What a pod sees of its node: files, and with NET_ADMIN on the node's network its packet filter."""

import json

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.workload import pod

pytestmark = pytest.mark.root

NODES = ("node-1", "node-2")


def looking(name, node, paths, **more):
    """A pod that sees these paths of a node, by path and type."""
    volumes, mounts = [], []
    for number, (path, kind) in enumerate(paths.items()):
        volumes.append({"name": f"v{number}", "hostPath": {"path": path, "type": kind}})
        mounts.append({"name": f"v{number}", "mountPath": f"/host{path}"})
    main = {"name": "main", "image": "any", "command": ["sleep", "infinity"], "volumeMounts": mounts, **more}
    return pod(name, main, nodeName=node, volumes=volumes)


def test_each_node_has_a_run_folder_of_its_own(cluster, namespace):
    paths = {"/run/test": "DirectoryOrCreate", "/run/test.lock": "FileOrCreate"}
    names = [("one", "node-1"), ("same", "node-1"), ("other", "node-2")]
    cluster.apply([looking(name, node, paths) for name, node in names], namespace)
    for name, _ in names:
        cluster.wait_ready("pod", namespace, name)
    cluster.exec(namespace, "one", "sh", "-c", "echo mine > /host/run/test/x; echo locked > /host/run/test.lock")
    assert cluster.exec(namespace, "same", "cat", "/host/run/test/x", "/host/run/test.lock") == "mine\nlocked\n"
    assert cluster.exec(namespace, "other", "sh", "-c", "cat /host/run/test/* /host/run/test.lock || true") == ""


def test_everything_else_is_the_machines(cluster, namespace, tmp_path):
    (tmp_path / "x").write_text("of the machine\n")
    cluster.apply(looking("one", "node-1", {str(tmp_path): "Directory"}), namespace)
    cluster.wait_ready("pod", namespace, "one")
    assert cluster.exec(namespace, "one", "cat", f"/host{tmp_path}/x") == "of the machine\n"


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/run/not-there", "Directory", "/run/not-there is not a directory"),
        ("/etc/passwd", "Directory", "/etc/passwd is not a directory"),
        ("/dev/null", "BlockDevice", "the harness has no hostPath of type BlockDevice"),
    ],
)
def test_a_path_of_another_kind_keeps_the_pod_waiting(cluster, namespace, path, kind, words):
    cluster.apply(looking("one", "node-1", {path: kind}), namespace)

    def waiting():
        return json.dumps(cluster.get("pod", namespace, "one")["status"])

    until(lambda: words in waiting())


def test_a_container_with_the_right_changes_its_node_s_rules_and_no_other_node_s(cluster, namespace):
    context = {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}, "readOnlyRootFilesystem": True}
    made = looking("one", "node-1", {}, securityContext=context)
    made["spec"]["hostNetwork"] = True
    cluster.apply(made, namespace)
    cluster.wait_ready("pod", namespace, "one")
    cluster.exec(namespace, "one", "nft", "add", "table", "inet", "oftests")
    try:
        there = {node: "table inet oftests" in cluster.run("nft", "list", "tables", node=node) for node in NODES}
        assert there == {"node-1": True, "node-2": False}
    finally:
        cluster.exec(namespace, "one", "nft", "delete", "table", "inet", "oftests")
