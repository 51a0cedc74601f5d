"""The places of services within their limits: a service has one `Gate`, however its name is spelled, and whatever dtabs
of requests it is under.

Else whoever spells a host in his own way, or sends a dtab of his own, would have a limit of his own.
"""

from collections.abc import Callable

from dtab import Path
from noderouter.proxy.limit.config import Concurrency
from noderouter.proxy.limit.gate import Gate

Limited = tuple[Path, Concurrency | None]
"""A service by its one name, and its limit: ports of it may have their own."""


class Gates:
    """Counts the users of gates, and drops a gate when its last user is gone and no request is in it.

    `sweep` has to be called about twice a second.
    """

    __slots__ = ("_gates", "_leaving", "_users")

    def __init__(self) -> None:
        self._gates: dict[Limited, Gate] = {}
        self._users: dict[Limited, int] = {}
        self._leaving: set[Limited] = set()

    def __len__(self) -> int:
        return len(self._gates)

    def acquire(self, name: Limited, make: Callable[[], Gate]) -> Gate:
        """The gate of a name, made where there is none; `release` it."""
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = make()
        self._users[name] = self._users.get(name, 0) + 1
        self._leaving.discard(name)
        return gate

    def release(self, name: Limited) -> None:
        """Take back one `acquire`; harmless for a name that has no gate."""
        users = self._users.pop(name, 0) - 1
        if users > 0:
            self._users[name] = users
        elif name in self._gates:
            self._leaving.add(name)

    def sweep(self) -> None:
        """Drop gates that nobody uses any more."""
        for name in [each for each in self._leaving if not self._gates[each].active]:
            self._leaving.discard(name)
            del self._gates[name]
