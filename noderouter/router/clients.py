"""The clients of one router, by bound id, shared by every logical name that is bound to it.

A client lives as long as a route leads to it, and a little longer: until the next sweep finds it without routes and
without exchanges. So the number of clients is bounded by that of the names, which is.
"""

from collections.abc import Callable, Iterator

from dtab import Bound, Path
from noderouter.client.client import Client

MakeClient = Callable[[Bound], Client]


class Clients:
    """Makes clients on demand, and closes those that nothing leads to."""

    __slots__ = ("_clients", "_make", "_on_close", "closes")

    def __init__(self, make: MakeClient, on_close: Callable[[Client], None]) -> None:
        """`on_close` is told of each client that goes, to drop its metrics."""
        self._make = make
        self._on_close = on_close
        self._clients: dict[Path, Client] = {}
        self.closes = 0

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._clients.values()))

    def acquire(self, bound: Bound) -> Client:
        """The client of `bound`, which follows the address set of the newest binding; `release` it."""
        client = self._clients.get(bound.id)
        if client is None:
            client = self._clients[bound.id] = self._make(bound)
        else:
            client.follow(bound.addr)
        client.routes += 1
        return client

    def find(self, id: Path) -> Client | None:
        """The client of that id, if there is one."""
        return self._clients.get(id)

    def release(self, client: Client) -> None:
        """Take back one `acquire`."""
        client.routes -= 1

    def sweep(self, now: float) -> Iterator[None]:
        """Close clients that nothing leads to, and old connections; about once a second, client by client.

        After many changes of endpoints this is long work, so whoever walks through it can rest in between.
        """
        for client in list(self._clients.values()):
            if client.routes == 0 and client.in_flight == 0:
                self.closes += 1
                del self._clients[client.id]
                client.close()
                self._on_close(client)
            else:
                client.sweep(now)
            yield

    def close(self) -> None:
        """Close all."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
