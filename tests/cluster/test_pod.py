"""What a pod finds when it runs: environment, volumes, identity, limits of what it may do."""

import json

import pytest

from tests.cluster.addresses import DOMAIN
from tests.cluster.any_cluster import until
from tests.cluster.controlplane import CommandFailed
from tests.cluster.workload import container, pod, workload

pytestmark = pytest.mark.root

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SLEEP = ["sleep", "infinity"]


def main(**more):
    """A container that does nothing but be there."""
    return {"name": "main", "image": "any", "command": SLEEP, **more}


def config_map(name, **data):
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def start(cluster, namespace, *objects):
    """Apply objects, the last being a pod, and wait until it is ready."""
    cluster.apply(objects, namespace)
    cluster.wait_ready("pod", namespace, objects[-1]["metadata"]["name"])


def waiting(cluster, namespace, name):
    """Why a pod's first container waits."""
    statuses = cluster.get("pod", namespace, name)["status"].get("containerStatuses", [{}])
    return statuses[0].get("state", {}).get("waiting", {}).get("message", "")


def phase(cluster, namespace, name):
    """A pod's phase."""
    return cluster.get("pod", namespace, name)["status"]["phase"]


# Environment


def test_the_environment_has_what_the_pod_asks_for(cluster, namespace):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"k": "hidden"}}
    fields = {"NAME": "metadata.name", "NODE": "spec.nodeName", "IP": "status.podIP", "HOST": "status.hostIP"}
    fields["APP"] = "metadata.labels['app']"
    env = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields.items()]
    env += [
        {"name": "FROM_MAP", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}},
        {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}},
        {"name": "NOT_THERE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "a", "optional": True}}},
        {"name": "JOINED", "value": "$(NAME)@$(NODE) $$(NAME) $(UNKNOWN)"},
    ]
    every = [{"prefix": "ALL_", "configMapRef": {"name": "settings"}}]
    start(cluster, namespace, config_map("settings", a="1", b="2"), secret, pod("one", main(env=env, envFrom=every)))
    lines = cluster.exec(namespace, "one", "env").splitlines()
    seen = dict(line.split("=", 1) for line in lines)
    found = cluster.get("pod", namespace, "one")
    node = found["spec"]["nodeName"]
    assert (seen["NAME"], seen["NODE"], seen["APP"]) == ("one", node, "one")
    assert (seen["IP"], seen["HOST"]) == (found["status"]["podIP"], found["status"]["hostIP"])
    assert (seen["FROM_MAP"], seen["FROM_SECRET"], seen["ALL_b"]) == ("1", "hidden", "2")
    assert seen["JOINED"] == f"one@{node} $(NAME) $(UNKNOWN)"
    assert "NOT_THERE" not in seen
    assert seen["HOSTNAME"] == cluster.exec(namespace, "one", "hostname").strip() == "one"


def test_what_is_missing_is_waited_for(cluster, namespace):
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}]
    volumes = [{"name": "v", "configMap": {"name": "later"}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    cluster.apply(pod("one", main(env=env, volumeMounts=mounts), volumes=volumes), namespace)
    until(lambda: 'configmap "later" not found' in waiting(cluster, namespace, "one"))
    cluster.apply(config_map("later", x="z"), namespace)
    until(lambda: 'configmap "late" not found' in waiting(cluster, namespace, "one"))
    cluster.apply(config_map("late", a="b"), namespace)
    cluster.wait_ready("pod", namespace, "one")


def test_an_image_that_nobody_knows_is_said(cluster, namespace):
    cluster.apply(pod("one", {"name": "main", "image": "registry/strange:1"}), namespace)
    until(lambda: "the harness has no image registry/strange:1" in waiting(cluster, namespace, "one"))


# Volumes


def test_a_config_map_volume_follows_an_edit_at_once(cluster, namespace):
    volumes = [{"name": "v", "configMap": {"name": "settings"}}]
    mounts = [{"name": "v", "mountPath": "/etc/settings"}]
    one = pod("one", main(volumeMounts=mounts), volumes=volumes)
    start(cluster, namespace, config_map("settings", a="1", gone="x"), one)
    assert cluster.exec(namespace, "one", "cat", "/etc/settings/a") == "1"
    assert cluster.exec(namespace, "one", "readlink", "/etc/settings/a") == "..data/a\n"
    before = cluster.exec(namespace, "one", "readlink", "/etc/settings/..data")
    cluster.control_plane.kubectl(
        "patch", "configmap", "settings", "-n", namespace, "-p", '{"data": {"a": "2", "gone": null, "new": "3"}}'
    )
    until(lambda: cluster.exec(namespace, "one", "cat", "/etc/settings/a") == "2")
    assert cluster.exec(namespace, "one", "readlink", "/etc/settings/..data") != before
    assert cluster.exec(namespace, "one", "ls", "/etc/settings").split() == ["a", "new"]
    with pytest.raises(CommandFailed, match="Read-only file system"):
        cluster.exec(namespace, "one", "touch", "/etc/settings/b")


def test_volumes_of_other_kinds(cluster, namespace):
    labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    parts = [
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "deep/er"}]}},
        {"downwardAPI": {"items": [labels]}},
        {"configMap": {"name": "none", "optional": True}},
    ]
    volumes = [{"name": "p", "projected": {"sources": parts}}, {"name": "e", "emptyDir": {}}]
    mounts = [{"name": "p", "mountPath": "/p"}, {"name": "e", "mountPath": "/shared"}]
    mounts.append({"name": "p", "mountPath": "/etc/one-file", "subPath": "labels"})
    other = {**main(volumeMounts=[{"name": "e", "mountPath": "/elsewhere"}]), "name": "other"}
    start(
        cluster, namespace, config_map("settings", a="1"), pod("one", main(volumeMounts=mounts), other, volumes=volumes)
    )
    assert cluster.exec(namespace, "one", "cat", "/p/deep/er", "/etc/one-file") == '1app="one"'
    cluster.exec(namespace, "one", "touch", "/shared/x", container="main")
    assert cluster.exec(namespace, "one", "ls", "/elsewhere", container="other") == "x\n"
    cluster.control_plane.kubectl("label", "pod", "one", "b=c", "-n", namespace)
    until(lambda: 'b="c"' in cluster.exec(namespace, "one", "cat", "/p/labels"))


def test_what_a_container_writes_is_its_own(cluster, namespace):
    other = {**main(), "name": "other"}
    start(cluster, namespace, pod("one", main(), other))
    cluster.exec(namespace, "one", "touch", "/etc/mine", "/tmp/mine", container="main")
    with pytest.raises(CommandFailed):
        cluster.exec(namespace, "one", "ls", "/etc/mine", container="other")
    with pytest.raises(CommandFailed):
        cluster.run("ls", "/etc/mine")


# Identity


def test_the_service_account_of_a_pod_works_and_is_limited(cluster, namespace):
    kubectl = cluster.control_plane.kubectl
    kubectl("create", "serviceaccount", "reader", "-n", namespace)
    start(cluster, namespace, pod("one", main(), serviceAccountName="reader"))
    bearer = f'Authorization: Bearer "$(cat {ACCOUNT}/token)"'.replace('"', "")
    url = f"https://kubernetes.default/api/v1/namespaces/$(cat {ACCOUNT}/namespace)/configmaps"
    ask = f'curl -sS --cacert {ACCOUNT}/ca.crt -H "{bearer}" "{url}"'
    answer = json.loads(cluster.exec(namespace, "one", "sh", "-c", ask))
    assert answer["code"] == 403
    assert f"system:serviceaccount:{namespace}:reader" in answer["message"]
    kubectl("create", "role", "read", "--verb=list", "--resource=configmaps", "-n", namespace)
    kubectl("create", "rolebinding", "read", "--role=read", f"--serviceaccount={namespace}:reader", "-n", namespace)
    until(lambda: json.loads(cluster.exec(namespace, "one", "sh", "-c", ask))["kind"] == "ConfigMapList")
    by_address = ask.replace("kubernetes.default", "$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT")
    assert json.loads(cluster.exec(namespace, "one", "sh", "-c", by_address))["kind"] == "ConfigMapList"


def test_a_pod_sees_the_api_server_go_and_hang(cluster, namespace):
    start(cluster, namespace, pod("one"))
    ask = ("curl", "-sSk", "--max-time", "2", "-o", "/dev/null", "https://kubernetes.default/version")
    cluster.exec(namespace, "one", *ask)
    cluster.control_plane.pause_api()
    try:
        with pytest.raises(CommandFailed) as failed:
            cluster.exec(namespace, "one", *ask)
        assert failed.value.status == 28  # no answer in time
    finally:
        cluster.control_plane.resume_api()
    cluster.control_plane.stop_api()
    try:
        with pytest.raises(CommandFailed) as failed:
            cluster.exec(namespace, "one", *ask)
        assert failed.value.status in (7, 35, 56)  # refused or reset
    finally:
        cluster.control_plane.start_api()
    until(lambda: cluster.exec(namespace, "one", *ask) == "")


def test_a_restricted_container_may_do_little(cluster, namespace):
    context = {
        "runAsUser": 65532,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes, mounts = [{"name": "tmp", "emptyDir": {}}], [{"name": "tmp", "mountPath": "/tmp"}]
    restricted = main(securityContext=context, volumeMounts=mounts)
    start(cluster, namespace, pod("one", restricted, volumes=volumes, securityContext={"fsGroup": 3000}))
    assert cluster.exec(namespace, "one", "id", "-u") == "65532\n"
    assert "3000" in cluster.exec(namespace, "one", "id", "-G").split()
    assert cluster.exec(namespace, "one", "sh", "-c", "echo x > /tmp/x && cat /tmp/x") == "x\n"
    with pytest.raises(CommandFailed, match="Read-only file system"):
        cluster.exec(namespace, "one", "touch", "/x")
    status = cluster.exec(namespace, "one", "cat", "/proc/1/status")
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_root_has_the_capabilities_of_a_container_and_those_it_adds(cluster, namespace):
    network = {**main(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}), "name": "network"}
    start(cluster, namespace, pod("one", main(), network))
    address = ("ip", "address", "add", "10.9.9.9/32", "dev", "lo")
    with pytest.raises(CommandFailed, match="Operation not permitted"):
        cluster.exec(namespace, "one", *address, container="main")
    cluster.exec(namespace, "one", *address, container="network")


def test_root_is_refused_where_the_pod_forbids_it(cluster, namespace):
    cluster.apply(pod("one", main(), securityContext={"runAsNonRoot": True}), namespace)
    until(lambda: "image will run as root" in waiting(cluster, namespace, "one"))


def test_a_pod_on_the_nodes_network(cluster, namespace):
    start(cluster, namespace, pod("one", container(), hostNetwork=True, nodeName="node-2"))
    (status,) = cluster.pods(namespace)
    assert status["status"]["podIP"] == cluster.nodes[1].address
    assert cluster.run("curl", "-sS", f"http://{cluster.nodes[1].address}:8080/") == "hello from one\n"


def test_the_router_of_this_checkout_runs_as_its_user(cluster, namespace):
    cluster.apply(
        pod("one", {"name": "l", "image": "x/noderouter:1", "args": ["version"]}, restartPolicy="Never"), namespace
    )
    until(lambda: phase(cluster, namespace, "one") == "Succeeded")
    assert cluster.logs(namespace, "one").startswith("noderouter ")


def test_a_stateful_set_has_names_for_its_pods(cluster, namespace):
    headless = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
        "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"name": "http", "port": 8080}]},
    }  # fmt: skip
    external = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "alias"},
        "spec": {"type": "ExternalName", "externalName": f"db.{namespace}.svc.{DOMAIN}"},
    }  # fmt: skip
    db = workload("StatefulSet", "db", container(), replicas=2)
    db["spec"]["serviceName"] = "db"
    cluster.apply([headless, external, db, pod("client")], namespace)
    cluster.wait_ready("statefulset", namespace, "db")
    cluster.wait_ready("pod", namespace, "client")

    def get(host):
        return cluster.exec(namespace, "client", "curl", "-sS", f"http://{host}:8080/")

    assert get("db-1.db") == "hello from db-1\n"
    assert {get("db") for _ in range(16)} <= {"hello from db-0\n", "hello from db-1\n"}
    assert get("alias").startswith("hello from db-")
