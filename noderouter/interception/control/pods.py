"""Which pods of this node are captured (pure).

A pod is captured while it can speak from an address of its own, and nobody has taken it out:

    phase Running           yes
    phase Pending           as soon as it has an address: init containers call services, too, and the containers
                            behind them find everything in place
    being deleted           as long as one of its containers runs: what it does to end well is done the same way as
                            everything before. Its address may be given away as soon as the last one has ended, which
                            may be known before the object is gone
    Succeeded, Failed       no
    its network is being made anew (condition `PodReadyToStartContainers` is False)     no
    hostNetwork             no: its address is the node's
    kube-system             no: a node must come up without us
    ourselves               no

A pod is known by its uid and address together. `network` moves when the same pod gets a network anew, perhaps with the
same address, and another link to the node. The keeper binds an address to the link that it was first seen on, so it has
to see the pod go and come (`list_sync.py`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, Final, Self

from noderouter.interception.control.addresses import addresses, socket_form
from noderouter.interception.control.selection import SelectionMode, SelectionValue, selection_value, why_not_selected
from noderouter.interception.keeper.protocol import MAX_ADDRESSES, encode_pods
from noderouter.interception.keeper.state import NEVER_NAMESPACES, Address, Pod
from noderouter.kubernetes.pod import network, runs, workload_of

NAMESPACE_UNKNOWN: Final = "its namespace is not known yet"


@dataclass(frozen=True, slots=True)
class Ourselves:
    """The pod of this router; empty where the environment does not say."""

    namespace: str = ""
    name: str = ""
    uid: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """Read `POD_NAMESPACE` with `POD_NAME`, or `POD_UID`; either identifies the pod."""
        read = os.environ.get
        return cls(read("POD_NAMESPACE", ""), read("POD_NAME", ""), read("POD_UID", ""))

    def are(self, namespace: str, name: str, uid: str) -> bool:
        """Whether this is the pod of this router."""
        if self.uid and uid == self.uid:
            return True
        return bool(self.name) and (namespace, name) == (self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is kept of a pod."""

    namespace: str
    name: str
    uid: str
    addresses: tuple[Address, ...] = ()
    network: str = ""
    """Since when it has the network that it has now; empty where the API does not say."""
    selection: SelectionValue = SelectionValue.UNSET
    direct: str = ""
    """Why it is not captured, however it is selected; empty if nothing is in the way."""
    labels: frozenset[tuple[str, str]] = frozenset()
    """Of our own pod only: which Services lead to us (`services.py`)."""
    workload: str = ""
    """What made it: a Deployment, a StatefulSet, …; its own name where nobody did."""
    speaks: bool = True
    """Whether what comes from its addresses is its own: they are not the node's, nor given away since it has ended."""

    @property
    def told(self) -> Pod:
        """The pod as it is sent to the keeper."""
        return Pod(self.uid, self.namespace, self.addresses)


@dataclass(frozen=True, slots=True)
class Captured:
    """A pod that is captured, and since when it has its network; empty where that is not known."""

    pod: Pod
    network: str = ""


def project_pod(thing: Mapping[str, Any], ourselves: Ourselves) -> PodFacts:
    """Return what is kept of a pod as the API sends it."""
    metadata, spec, status = (thing.get(key) or {} for key in ("metadata", "spec", "status"))
    namespace, name, uid = (str(metadata.get(key) or "") for key in ("namespace", "name", "uid"))
    listed = [each.get("ip") for each in status.get("podIPs") or ()] or [status.get("podIP")]
    found = tuple(addresses(listed))[:MAX_ADDRESSES]
    networked, since = network(status)
    direct, labels = "", frozenset[tuple[str, str]]()
    if ourselves.are(namespace, name, uid):
        direct = "it is this router"
        labels = frozenset((metadata.get("labels") or {}).items())
    elif spec.get("hostNetwork"):
        direct = "it uses the node's network (hostNetwork)"
    elif namespace in NEVER_NAMESPACES:
        direct = f"pods of {namespace} never are"
    elif not runs(metadata, status):
        direct = "it has ended"
    elif not networked:
        direct = "its network is being made"
    elif not found:
        direct = "it has no address yet"
    selection = selection_value(metadata.get("annotations"))
    speaks = not spec.get("hostNetwork") and networked and runs(metadata, status)
    workload = intern(workload_of(metadata))
    return PodFacts(intern(namespace), name, uid, found, since, selection, direct, labels, workload, speaks)


def judged(
    pods: Iterable[PodFacts], namespaces: Mapping[str, SelectionValue], selection: SelectionMode
) -> Iterator[tuple[PodFacts, str]]:
    """Yield each pod with the reason why it is not captured, empty if it is.

    A namespace that is not known yet is no reason to guess: its pods wait for it.
    """
    for pod in pods:
        if pod.direct:
            yield pod, pod.direct
        elif pod.namespace not in namespaces:
            yield pod, NAMESPACE_UNKNOWN
        else:
            yield pod, why_not_selected(pod.selection, namespaces[pod.namespace], selection)


def namespaces_of(pods: Iterable[PodFacts]) -> dict[str, bytes]:
    """Return the namespaces of pods, by the addresses that they send from, as sockets show them.

    An address that pods of two namespaces have at once, which the API may show for a moment, is left out.
    """
    known: dict[str, bytes] = {}
    disputed = set()
    for pod in pods:
        if pod.speaks:
            namespace = pod.namespace.encode()
            for address in pod.addresses:
                if known.setdefault(place := socket_form(address), namespace) != namespace:
                    disputed.add(place)
    return {place: namespace for place, namespace in known.items() if place not in disputed}


def workloads_of(pods: Iterable[PodFacts]) -> dict[str, tuple[str, str]]:
    """Return namespaces and workloads of pods, by the addresses that they send from, as sockets show them."""
    return {
        socket_form(address): (pod.namespace, pod.workload) for pod in pods if pod.speaks for address in pod.addresses
    }


def renewed_first(told: tuple[Captured, ...], items: tuple[Captured, ...]) -> tuple[Captured, ...]:
    """Return `items` without those that have to go before they come again."""
    networks = {each.pod.uid: each.network for each in told}
    return tuple(each for each in items if _same(networks.get(each.pod.uid, ""), each.network))


def encode_captured(generation: int, items: Iterable[Captured], _never: frozenset[Address]) -> bytes:
    """Return the line."""
    return encode_pods(generation, tuple(each.pod for each in items))


def _same(one: str, other: str) -> bool:
    return not one or not other or one == other
