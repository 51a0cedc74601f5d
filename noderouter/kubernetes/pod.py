"""What a pod's object says of its network and its processes (pure)."""

from collections.abc import Mapping
from typing import Any, Final

_NETWORKED: Final = frozenset(("PodReadyToStartContainers", "PodHasNetwork"))
"""The condition; up to Kubernetes 1.27 it had the second name."""


def runs(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether any process of the pod may still open connections, or ever will."""
    if status.get("phase") in ("Succeeded", "Failed"):
        return False
    if not metadata.get("deletionTimestamp"):
        return True
    known = [
        each.get("state") or {}
        for kind in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
        for each in status.get(kind) or ()
    ]
    return not known or any("running" in state for state in known)


def network(status: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether the pod has a network, and since when; where the API does not say, an address has to do."""
    for each in status.get("conditions") or ():
        if each.get("type") in _NETWORKED:
            return each.get("status") != "False", str(each.get("lastTransitionTime") or "")
    return True, ""


def workload_of(metadata: Mapping[str, Any]) -> str:
    """Return the name of a pod's controller; of a ReplicaSet, that of the Deployment which has made it.

    A Deployment names its ReplicaSets after itself and the hash of their template, which pods have as a label.
    """
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            name = str(owner.get("name") or "")
            template = (metadata.get("labels") or {}).get("pod-template-hash")
            if owner.get("kind") == "ReplicaSet" and template and name.endswith(f"-{template}"):
                return name[: -len(template) - 1]
            return name
    return str(metadata.get("name") or "")
