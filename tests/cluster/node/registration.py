"""A node as the API knows it: the Node object, its Ready condition, its lease."""

from datetime import UTC, datetime

import trio

from tests.cluster.node.api import Api, Object
from tests.cluster.node.container import now
from tests.cluster.node.network import NodeNetwork

LEASE_SECONDS = 40
RENEW_SECONDS = 10.0

_CAPACITY = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "100Gi", "pods": "250"}
"""More than tests ask for: the harness does not limit resources."""


async def register(api: Api, node: NodeNetwork, port: int) -> None:
    """Make the Node object, and say that it is ready; `port` is where the API server asks for logs.

    Raises:
        RuntimeError: the API server refuses it.
    """
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    made: Object = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {"podCIDR": node.cidr, "podCIDRs": [node.cidr]},
    }
    answer = await api.insist("POST", "/api/v1/nodes", made)
    if answer.status_code not in (201, 409):
        raise RuntimeError(f"cannot register {node.name}: {answer.text}")
    answer = await api.insist("PATCH", f"/api/v1/nodes/{node.name}/status", {"status": _status(node, port)})
    if answer.status_code != 200:
        raise RuntimeError(f"cannot write the status of {node.name}: {answer.text}")


def _status(node: NodeNetwork, port: int) -> Object:
    good = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
    return {
        "addresses": [
            {"type": "InternalIP", "address": node.address},
            {"type": "Hostname", "address": node.name},
            {"type": "ExternalDNS", "address": "localhost"},  # for the API server only
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "capacity": _CAPACITY,
        "allocatable": _CAPACITY,
        "conditions": [
            {"type": kind, "status": status, "reason": "Harness", "message": "a network namespace",
             "lastHeartbeatTime": now(), "lastTransitionTime": now()}
            for kind, status in good.items()
        ],
    }  # fmt: skip


async def keep_lease(api: Api, node: NodeNetwork) -> None:
    """Renew the node's lease for ever; a failure is tried again with the next."""
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    while True:
        spec: Object = {
            "holderIdentity": node.name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        answer = await api.insist("PATCH", f"{path}/{node.name}", {"spec": spec})
        if answer.status_code == 404:
            await api.insist("POST", path, {"metadata": {"name": node.name}, "spec": spec})
        await trio.sleep(RENEW_SECONDS)
