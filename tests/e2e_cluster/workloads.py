"""What runs in the mesh: a service that says its name, and a client that goes through the router of its node."""

from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.workload import Object, container, pod, service, workload

THROUGH_THE_NODE = [
    {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    {"name": "http_proxy", "value": "http://$(NODE_NAME):4140"},
]


def client(node: str = "node-1") -> Object:
    """A pod in which tests run what they like."""
    main = {"name": "main", "image": "client", "command": ["sleep", "infinity"], "env": THROUGH_THE_NODE}
    return pod("client", main, nodeName=node)


def hello(name: str = "hello", replicas: int = 2, **spec: Any) -> Object:
    """A Deployment that answers `<name> from <pod>`; `spec` is the pods', such as their node."""
    server = container()
    server["env"] += [{"name": "SAY", "value": name}]
    return workload("Deployment", name, server, replicas=replicas, **spec)


def serve(cluster: Cluster, namespace: str, name: str = "hello", **spec: Any) -> None:
    """That Deployment with its Service, ready; and the client, if there is none."""
    cluster.apply([hello(name, **spec), service(name), client()], namespace)
    cluster.wait_ready("deployment", namespace, name)
    cluster.wait_ready("pod", namespace, "client")
