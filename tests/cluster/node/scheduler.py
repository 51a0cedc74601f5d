"""Binds pods to nodes: whoever fits, the one with the fewest pods of the same owner first, then of all.

What it knows of a pod: `nodeSelector`, required node affinity (a DaemonSet's pods are bound to their nodes by that),
host ports, `unschedulable` nodes. What it does not: resources, taints, pod affinity, priorities.
"""

from collections import Counter
from collections.abc import Iterator

import httpx
import trio

from tests.cluster.node.api import Api, Informer, Object

RETRY_SECONDS = 0.5


class Scheduler:
    """Binds every pending pod as soon as a node fits."""

    def __init__(self, api: Api, pods: Informer, nodes: Informer) -> None:
        self._api = api
        self._pods = pods
        self._nodes = nodes
        self._changed = trio.Event()
        self._bound: dict[str, str] = {}
        """Bindings, by uid, that the informer may not have seen yet."""
        for informer in (pods, nodes):
            informer.subscribe(lambda _old, _new: self._changed.set())

    async def run(self) -> None:
        """Schedule for ever."""
        await self._nodes.listed.wait()
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            living = {pod["metadata"]["uid"] for pod in self._pods.objects.values()}
            self._bound = {uid: node for uid, node in self._bound.items() if uid in living}
            for pod in list(self._pods.objects.values()):
                if self._node_of(pod) is None and "deletionTimestamp" not in pod["metadata"]:
                    await self._schedule(pod)

    def _node_of(self, pod: Object) -> str | None:
        node: str | None = pod["spec"].get("nodeName") or self._bound.get(pod["metadata"]["uid"])
        return node

    async def _schedule(self, pod: Object) -> None:
        names = [node["metadata"]["name"] for node in self._nodes.objects.values() if self._fits(pod, node)]
        if not names:
            return
        metadata = pod["metadata"]
        others = self._pods.objects.values()
        kin = Counter(self._node_of(other) for other in others if owners(pod) & owners(other))
        count = Counter(map(self._node_of, others))
        name = min(sorted(names), key=lambda name: (kin[name], count[name]))
        target = {"apiVersion": "v1", "kind": "Node", "name": name}
        binding = {"metadata": {"name": metadata["name"], "uid": metadata["uid"]}, "target": target}
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
        try:
            answer = await self._api.request("POST", path, binding)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == 201:
            self._bound[metadata["uid"]] = name
        elif answer is None or answer.status_code >= 500:
            await trio.sleep(RETRY_SECONDS)
            self._changed.set()

    def _fits(self, pod: Object, node: Object) -> bool:
        own = any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", []))
        if node["spec"].get("unschedulable") and not own:
            return False
        wanted = set(host_ports(pod))
        name = node["metadata"]["name"]
        here = [other for other in self._pods.objects.values() if self._node_of(other) == name and not ended(other)]
        if any(wanted & set(host_ports(other)) for other in here):
            return False
        return selected(pod, node)


def owners(pod: Object) -> set[str]:
    """The uids of what a pod belongs to, such as a ReplicaSet."""
    return {owner["uid"] for owner in pod["metadata"].get("ownerReferences", [])}


def ended(pod: Object) -> bool:
    """Whether a pod's containers have all ended for good."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def host_ports(pod: Object) -> Iterator[tuple[str, int]]:
    """The ports of its node that a pod takes."""
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", []):
            if "hostPort" in port:
                yield port.get("protocol", "TCP"), port["hostPort"]


def selected(pod: Object, node: Object) -> bool:
    """Whether a pod's node selector and required node affinity take a node."""
    labels = node["metadata"].get("labels", {})
    if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
        return False
    affinity = pod["spec"].get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        all(matches(rule, labels) for rule in term.get("matchExpressions", []))
        and all(matches(rule, fields) for rule in term.get("matchFields", []))
        for term in required["nodeSelectorTerms"]
    )


def matches(rule: Object, labels: dict[str, str]) -> bool:
    """One rule of a node selector term."""
    value = labels.get(rule["key"])
    match rule["operator"]:
        case "In":
            return value in rule["values"]
        case "NotIn":
            return value not in rule["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False
