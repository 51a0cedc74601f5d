"""The dtab ConfigMap with real pods on two nodes: one edit, all nodes, and how to see that it is on all of them."""

import json
import re

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.workload import container, pod, service, workload

RULES = [
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["routes"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
]
ROUTER = {
    "protocol": "http",
    "label": "outgoing",
    "servers": [{"ip": "0.0.0.0", "port": 4140}],
}
CONFIG = {
    "admin": {"ip": "0.0.0.0", "port": 9990},
    "namers": [{"kind": "io.l5d.k8s"}],
}
FIELDS = {
    "NODE_NAME": "spec.nodeName",
    "POD_IP": "status.podIP",
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
}


def dtab(namespace, service):
    return f"/svc => /#/io.l5d.k8s/{namespace}/http ; /svc/hello => /svc/{service}"


def configmap(name, key, text):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: text}}


def objects(namespace):
    """A router on each node, and two versions of a service."""
    keys = {"kind": "io.l5d.k8s.configMap", "namespace": namespace, "name": "routes", "filename": "dtab"}
    configuration = CONFIG | {"routers": [ROUTER | {"interpreter": keys}]}
    router = {
        "name": "router",
        "image": "noderouter",
        "args": ["run", "/etc/noderouter/config.json"],
        "env": [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in FIELDS.items()],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9990}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/noderouter"}],
    }
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "router"}}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    made = [
        role | {"kind": "Role", "rules": RULES},
        role
        | {
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "router"},
            "subjects": [subject],
        },
        configmap("config", "config.json", json.dumps(configuration)),
        configmap("routes", "dtab", dtab(namespace, "v1")),
        workload("DaemonSet", "router", router, volumes=[{"name": "config", "configMap": {"name": "config"}}]),
        pod("client", nodeName="node-1"),
    ]
    for version in ("v1", "v2"):
        said = [{"name": "SAY", "value": version}]
        made += [workload("Deployment", version, container(env=said), replicas=1), service(version)]
    return made


@pytest.mark.root
def test_one_edit_is_on_all_nodes_and_an_invalid_one_is_on_none(cluster, namespace):
    kubectl = cluster.control_plane.kubectl
    cluster.apply(objects(namespace), namespace)
    for kind, name in (("deployment", "v1"), ("deployment", "v2"), ("daemonset", "router"), ("pod", "client")):
        cluster.wait_ready(kind, namespace, name)
    routers = {each["metadata"]["name"]: each["status"]["podIP"] for each in cluster.pods(namespace, "app=router")}
    assert len(routers) == 2

    def answers():
        ask = ("curl", "-sS", "--max-time", "5", "-H", "Host: hello")
        return {cluster.exec(namespace, "client", *ask, f"http://{ip}:4140/").split()[0] for ip in routers.values()}

    def published():
        columns = "custom-columns=NODE:.spec.nodeName,DTAB:.metadata.annotations.noderouter\\.io/dtab-hash"
        shown = kubectl("get", "pods", "-n", namespace, "-l", "app=router", "-o", columns, "--no-headers")
        rows = dict(line.split() for line in shown.splitlines())
        assert set(rows) == {"node-1", "node-2"}
        return set(rows.values())

    until(lambda: answers() == {"v1"})
    until(lambda: len(published()) == 1 and "<none>" not in published())
    (before,) = published()
    kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(configmap("routes", "dtab", dtab(namespace, "v2"))))
    until(lambda: answers() == {"v2"})
    until(lambda: len(published()) == 1 and published() != {before})

    wrong = configmap("routes", "dtab", "/svc => /a ;\n/b -> /c")
    kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(wrong))
    until(lambda: said_of(kubectl, namespace))
    assert answers() == {"v2"}
    name = min(routers)
    checked = cluster.exec(namespace, name, "sh", "-c", "noderouter check /etc/noderouter/config.json; echo $?")
    assert checked.rstrip().endswith("\n1")
    assert re.search(r"^fail dtab .*routes:dtab: line 2, column 4", checked, re.MULTILINE)
    assert checked.count("\nfail") == 1, checked
    assert checked.count("held by a router with this configuration, which is running") == 2
    assert f"ok   right to patch pods in {namespace}: granted" in checked
    (event,) = said_of(kubectl, namespace)
    assert event["source"]["host"] in ("node-1", "node-2"), "whoever was first says it for all"


def said_of(kubectl, namespace):
    """The Events about an invalid dtab."""
    found = json.loads(kubectl("get", "events", "-n", namespace, "-o", "json"))["items"]
    return [event for event in found if event["reason"] == "DtabInvalid"]
