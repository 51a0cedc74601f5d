"""Where the other routers are: the endpoints of their Service, also of those that are not ready, or a list.

The router itself is among them; it is known by its instance (`merge`), not by its address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from noderouter.core.background import until
from noderouter.core.var import Var
from noderouter.kubernetes.addresses import named
from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.endpoint_slice import Slice
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable

PATIENCE: Final = 2.0
"""Seconds that are waited for the first list of the endpoints."""


class NoPeers(Exception):
    """It is not known where the others are; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One router: where its metrics port is, and the node that it is on, where that is known."""

    ip: str
    port: int
    node: str = ""


class Peers(Protocol):
    """Knows where the others are."""

    async def find(self) -> Sequence[Peer]:
        """Return them.

        Raises:
            NoPeers: nobody knows.
        """
        ...


class ListedPeers:
    """Those that the configuration lists."""

    def __init__(self, peers: Sequence[Peer]) -> None:
        self._peers = tuple(peers)

    async def find(self) -> Sequence[Peer]:
        """See `Peers`."""
        await trio.lowlevel.checkpoint()
        return self._peers


class ServicePeers:
    """The endpoints of a Service; watched while somebody looks, and as long as what is watched lingers."""

    def __init__(self, cluster: Cluster, namespace: str, service: str, port: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._service = service
        self._port = port

    async def find(self) -> Sequence[Peer]:
        """See `Peers`."""
        where = f"Service {self._service} in {self._namespace}"
        found: Var[State[tuple[Slice, ...]]] = self._cluster.endpoints.slices(self._namespace, self._service)
        state: State[tuple[Slice, ...]] = Unknown()
        with trio.move_on_after(PATIENCE):
            state = await until(found, lambda value: not isinstance(value, Unknown))
        match state:
            case Present(slices):
                return self._peers(slices)
            case Absent():
                raise NoPeers(f"{where}: it has no endpoints, or does not exist (`admin.peers`)")
            case Unreachable(reason):
                raise NoPeers(f"{where}: {reason}")
            case Unknown():
                raise NoPeers(f"{where}: the Kubernetes API has not said within {PATIENCE:g} s where its endpoints are")

    def _peers(self, slices: Sequence[Slice]) -> list[Peer]:
        """Return one address of each pod."""
        port_of = named(self._port)
        found: dict[str, Peer] = {}
        for each in slices:
            port = port_of(each)
            for host in each.hosts if port is not None else ():
                assert port is not None
                found.setdefault(host.uid or host.ip, Peer(host.ip, port, host.node))
        return list(found.values())
