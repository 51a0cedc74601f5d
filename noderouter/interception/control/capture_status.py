"""What becomes of the connections of a pod that asks, which it does from its own address (pure).

An init container that waits for a good answer holds back the containers behind it until all their connections are
captured.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from noderouter.interception.control.addresses import socket_form
from noderouter.interception.control.keeper_status import KeeperStatus
from noderouter.interception.control.pods import NAMESPACE_UNKNOWN, Captured, PodFacts
from noderouter.interception.keeper.state import NEVER_NAMESPACES

LEFT_OUT: Final = "the keeper leaves its namespace out (--exclude-namespace)"


class Verdict(StrEnum):
    """Whether new connections are captured; if not, whether waiting helps."""

    CAPTURED = "captured"
    NOT_YET = "not yet"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """The verdict and its reason."""

    verdict: Verdict
    why: str = ""


def capture_status(
    address: str, judged: Iterable[tuple[PodFacts, str]], taken: Iterable[Captured], status: KeeperStatus
) -> CaptureStatus:
    """Return what becomes of new connections from `address`, which is in the form of sockets.

    `judged` are the pods of this node, each with the reason why it is not captured; `taken` are those that the keeper
    has put in force.
    """
    found = [(pod, why) for pod, why in judged if address in map(socket_form, pod.addresses)]
    if not found:
        return CaptureStatus(Verdict.NOT_YET, f"no pod of this node is known to have the address {address}")
    if len(found) > 1:
        return CaptureStatus(Verdict.NOT_YET, f"{len(found)} pods have the address {address}")
    [(pod, why)] = found
    if why:
        return CaptureStatus(Verdict.DIRECT if _was_chosen(pod, why) else Verdict.NOT_YET, why)
    if not status.armed:
        return CaptureStatus(Verdict.NOT_YET, status.why)
    if status.not_in_force:
        return CaptureStatus(Verdict.NOT_YET, status.not_in_force)
    if Captured(pod.told, pod.network) not in taken:
        return CaptureStatus(Verdict.NOT_YET, "it was not sent to the keeper yet")
    return CaptureStatus(Verdict.CAPTURED)


def left_out(judged: Iterable[tuple[PodFacts, str]], namespaces: frozenset[str]) -> list[tuple[PodFacts, str]]:
    """Return the pods with their reasons, among them that the keeper leaves out `namespaces`."""
    return [(pod, why or (LEFT_OUT if pod.namespace in namespaces else "")) for pod, why in judged]


def _was_chosen(pod: PodFacts, why: str) -> bool:
    """Whether the pod is direct by configuration, and not because of its state at the moment."""
    return pod.namespace in NEVER_NAMESPACES or not (pod.direct or why == NAMESPACE_UNKNOWN)
