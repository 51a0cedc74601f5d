"""What all clients of a router have in progress at one instance, where they limit that.

A Service has several bound names (`/#/io.l5d.k8s/shop/http/web`, `/#/io.l5d.k8s/shop/8080/web`), each a client with
endpoints and limits of its own. Whoever may choose among them must not have the limit once for each, so what is counted
is the instance's. That is so for endpoints of Kubernetes: an address of another sort may be many things, and so is a
router in front of pods.
"""

from typing import Any, Final, Protocol

from noderouter.core.addr import ENDPOINT, GATEWAY, Address
from noderouter.proxy.limit.queue import Queue


class Sharer(Protocol):
    """A client that limits its endpoints."""

    queue: Queue

    def grant(self, now: float) -> None:
        """Give those who wait there what room there is."""
        ...


class Instance:
    """How much of an instance is taken.

    Attributes:
        taken: requests that it has, or that were told to go there; of clients that limit them.
        sharers: those clients, by their endpoints.
    """

    __slots__ = ("_key", "_known", "sharers", "taken")

    def __init__(self, known: "dict[object, Instance]", key: object) -> None:
        """In `known` by `key`, until all have left it."""
        self._known = known
        self._key = key
        self.taken = 0
        self.sharers: dict[object, Any] = {}

    def leave(self, endpoint: object) -> None:
        """A client does not lead there any more."""
        self.sharers.pop(endpoint, None)
        if not self.sharers and self._known.get(self._key) is self:
            del self._known[self._key]

    def freed(self, now: float) -> None:
        """There may be room: who has waited for longest, at whatever client, has it."""
        waiting: list[Sharer] = [each for each in self.sharers.values() if each.queue]
        if len(waiting) > 1:
            waiting.sort(key=_oldest)
        for sharer in waiting:
            sharer.grant(now)


class Instances:
    """The instances that more than one client of a router may lead to, as long as any does."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[object, Instance] = {}

    def __len__(self) -> int:
        return len(self._known)

    def join(self, address: Address, endpoint: object, sharer: Any) -> Instance:
        """The instance of an endpoint, to which `sharer` leads from now on, until it is to `leave`."""
        key = (address.ip, address.port, address.meta)
        shared = address.origin == ENDPOINT and GATEWAY not in address.meta
        instance = self._known.get(key) if shared else None
        if instance is None:
            instance = Instance(self._known, key)
            if shared:
                self._known[key] = instance
        instance.sharers[endpoint] = sharer
        return instance


NOBODYS: Final = Instance({}, None)
"""Of endpoints without limits: nobody counts."""


def _oldest(sharer: Sharer) -> float:
    return sharer.queue.oldest()
