"""What a pod is told about itself: the fields of the downward API."""

import re
from dataclasses import dataclass

from tests.cluster.node.api import Object

_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class UnknownField(Exception):
    """A downward API field that the harness does not know."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A pod as it was bound to a node, with the addresses that it got there."""

    pod: Object
    pod_ip: str
    host_ip: str

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        namespace: str = self.pod["metadata"]["namespace"]
        return namespace

    def field(self, path: str) -> str:
        """The value of a `fieldRef`.

        Raises:
            UnknownField: not one of the downward API's.
        """
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        if keyed := _KEYED.fullmatch(path):
            return str(metadata.get(keyed[1], {}).get(keyed[2], ""))
        values = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": spec["nodeName"],
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "status.podIP": self.pod_ip,
            "status.podIPs": self.pod_ip,
            "status.hostIP": self.host_ip,
            "status.hostIPs": self.host_ip,
        }
        if path in ("metadata.labels", "metadata.annotations"):  # in volumes only
            pairs = metadata.get(path.partition(".")[2], {})
            return "\n".join(f'{key}="{value}"' for key, value in sorted(pairs.items()))
        if path not in values:
            raise UnknownField(f"the harness has no fieldRef {path}")
        return str(values[path])
