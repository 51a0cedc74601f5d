"""What runs in the mesh: a service that says its name, and a client that goes through the router of its node."""

from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.workload import Object, container, pod, service, workload

THROUGH_THE_NODE = [
    {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    {"name": "http_proxy", "value": "http://$(NODE_NAME):4140"},
]


TAKES = "0.05"
"""Seconds for each answer, so that a pod that ends has some requests in its hands."""


def client(node: str = "node-1") -> Object:
    """A pod in which tests run what they like."""
    main = {"name": "main", "image": "client", "command": ["sleep", "infinity"], "env": THROUGH_THE_NODE}
    return pod("client", main, nodeName=node)


def serve(cluster: Cluster, namespace: str, name: str = "hello", node: str = "node-2", **more: Any) -> None:
    """Two pods on a node that answer `<name> from <pod>`, and their Service; ready. And a client, if there is none.

    `more` is the container's, such as its `lifecycle`.
    """
    _put(cluster, namespace, workload("Deployment", name, _server(name) | more, replicas=2, nodeName=node))


def serve_everywhere(cluster: Cluster, namespace: str, name: str = "hello") -> None:
    """The same with a pod on each node."""
    _put(cluster, namespace, workload("DaemonSet", name, _server(name)))


def _server(name: str) -> Object:
    server = container()
    server["env"] += [{"name": "SAY", "value": name}, {"name": "TAKES", "value": TAKES}]
    return server


def _put(cluster: Cluster, namespace: str, made: Object) -> None:
    name = made["metadata"]["name"]
    cluster.apply([made, service(name), client()], namespace)
    cluster.wait_ready(made["kind"], namespace, name)
    cluster.wait_ready("pod", namespace, "client")
