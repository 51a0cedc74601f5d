"""Pods and namespaces as objects of the API, made of the few things that a test is about."""

from typing import Any

Object = dict[str, Any]
NODE = "node-1"
KEY = "noderouter.io/intercept"


def pod(
    name: str, *ips: str, namespace: str = "default", node: str = NODE, choice: str | None = None, **status: Any
) -> Object:
    """A running pod with its addresses, or a pending one without; `choice` is its annotation.

    `status` are further keys of that.
    """
    known: Object = {"phase": "Pending"}
    if ips:
        known = {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "annotations": {} if choice is None else {KEY: choice},
        },
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "python"}]},
        "status": known | status,
    }


def namespace(name: str, choice: str | None = None) -> Object:
    """A namespace; `choice` is its label."""
    labels = {} if choice is None else {KEY: choice}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "namespace": "", "labels": labels}}


def networked(status: str, since: str = "") -> Object:
    """The condition that says whether a pod has a network."""
    return {"type": "PodReadyToStartContainers", "status": status, "lastTransitionTime": since}
