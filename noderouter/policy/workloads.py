"""The pods of this node, as policies see them: by the addresses that they send from and are reached at.

The control plane fills `Workloads` (`pods.py`); who judges looks up. What cannot be known is never assumed: an address
that two pods have at once, or one of this node whose pod has not been seen yet, is nobody's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod. `account` is `namespace/name` of its ServiceAccount."""

    namespace: str
    name: str
    account: str
    labels: frozenset[tuple[str, str]] = frozenset()
    owner: str = ""
    """What made it, a Deployment for instance; its own name where nobody did."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Source:
    """Who asks: an address, and the pod behind it where there is one on this node."""

    ip: str
    workload: Workload | None = None

    @property
    def id(self) -> str:
        """What it is counted as: its account where that is known."""
        return self.ip if self.workload is None else self.workload.account


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of this node at one time."""

    pods: Mapping[str, Workload] = field(default_factory=dict)
    """By address, in the form that sockets report."""
    disputed: frozenset[str] = frozenset()
    """Addresses that two pods have at once."""
    node: str = ""
    """The name of this node; empty where pods are not followed."""
    node_ips: frozenset[str] = frozenset()
    """The node's own addresses, which pods with `hostNetwork` share."""


NOBODY: Final = Known()
"""Where pods are not followed."""
