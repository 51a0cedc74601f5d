"""The few things the router writes: Events, and annotations on an object.

One try each: whoever calls decides whether and when to try again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final, Literal

from noderouter.kubernetes.api import MERGE_PATCH, Api
from noderouter.kubernetes.paths import CORE, Resource

COMPONENT: Final = "noderouter"
MAX_MESSAGE: Final = 1024
"""The API refuses longer notes."""


async def write_event(
    api: Api,
    about: Mapping[str, Any],
    reason: str,
    message: str,
    *,
    type: Literal["Normal", "Warning"] = "Warning",
    instance: str = "",
    key: str = "",
) -> None:
    """Write an Event about an object (as the API sent it), for `kubectl describe` and `kubectl events`.

    Args:
        api: where to.
        about: the object; its kind and apiVersion are taken for a ConfigMap's where a list left them out.
        reason: one word in CamelCase.
        message: a sentence; cut at 1024 characters.
        type: what it is shown as.
        instance: the reporting instance, such as the node.
        key: identifies an Event of this object that is written once; a second time is a conflict (409).

    Raises:
        ApiError: it could not be written.
    """
    metadata = about["metadata"]
    once = "\0".join((metadata.get("uid", ""), key))
    suffix = sha256(once.encode()).hexdigest()[:16] if key else token_hex(8)
    namespace = metadata.get("namespace") or "default"
    now = datetime.now(UTC)
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:200].rstrip('.-')}.{suffix}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": about.get("apiVersion", "v1"),
            "kind": about.get("kind", "ConfigMap"),
            "name": metadata["name"],
            "namespace": namespace,
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
        "reason": reason,
        "message": message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…",
        "type": type,
        "source": {"component": COMPONENT, **({"host": instance} if instance else {})},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "lastTimestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "count": 1,
    }
    await api.send("POST", Resource(CORE, "events", namespace).path, body)


async def annotate(api: Api, resource: Resource, name: str, annotations: Mapping[str, str | None]) -> Mapping[str, Any]:
    """Set annotations of an object, leaving all others alone; None removes one. Return the object as it is then.

    Raises:
        ApiError: it could not be written.
    """
    body = {"metadata": {"annotations": dict(annotations)}}
    answer: Mapping[str, Any] = await api.send("PATCH", resource.object(name), body, MERGE_PATCH)
    return answer
