"""What runs in the mesh: a service that says its name, and a client, which goes through the router of its node."""

from typing import Any

from tests.cluster.any_cluster import AnyCluster
from tests.cluster.workload import CLIENT, Object, container, pod, service, workload

THROUGH_THE_NODE = [
    {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    {"name": "http_proxy", "value": "http://$(NODE_NAME):4140"},
]


TAKES = "0.05"
"""Seconds for each answer, so that a pod that ends has some requests in its hands."""


def client(node: str = "node-1", *, proxy: bool = True) -> Object:
    """A pod in which tests run what they like; without `proxy` it knows of no router."""
    main = {**CLIENT, "command": ["sleep", "infinity"]}
    return pod("client", main | ({"env": THROUGH_THE_NODE} if proxy else {}), nodeName=node)


def serve(cluster: AnyCluster, namespace: str, name: str = "hello", node: str = "node-2", **more: Any) -> None:
    """Two pods on a node that answer `<name> from <pod>`, and their Service; ready. And a client, if there is none.

    `more` is the container's, such as its `lifecycle`.
    """
    _put(cluster, namespace, workload("Deployment", name, _server(name) | more, replicas=2, nodeName=node))


def serve_unknowing(
    cluster: AnyCluster, namespace: str, name: str = "hello", node: str = "node-2", *made: Object
) -> None:
    """The same with a client that knows of no router, and with more objects."""
    who = client(proxy=False)
    _put(cluster, namespace, workload("Deployment", name, _server(name), replicas=2, nodeName=node), who, *made)


def serve_everywhere(cluster: AnyCluster, namespace: str, name: str = "hello") -> None:
    """The same with a pod on each node."""
    _put(cluster, namespace, workload("DaemonSet", name, _server(name)))


def _server(name: str) -> Object:
    server = container()
    server["env"] += [{"name": "SAY", "value": name}, {"name": "TAKES", "value": TAKES}]
    return server


def _put(cluster: AnyCluster, namespace: str, made: Object, *more: Object) -> None:
    name = made["metadata"]["name"]
    cluster.apply([made, service(name), *(more or [client()])], namespace)
    cluster.wait_ready(made["kind"], namespace, name)
    cluster.wait_ready("pod", namespace, "client")
