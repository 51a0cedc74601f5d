"""The clients of one router, by bound id, shared by every logical name that is bound to it.

A client lives as long as a route leads to it, and a little longer: until the next sweep finds it without routes and
without exchanges. So the number of clients is bounded by that of the names, which is.

*Passing* clients are those that only overrides lead to, dtabs that came with requests. Of them there are `most`, and
`MAX_LINGERING` without a route: a flood of overrides must not pile up clients from one sweep to the next.
"""

from collections.abc import Callable, Iterator
from typing import Final

from dtab import Bound, Path
from noderouter.core.errors import OverloadError
from noderouter.proxy.client.client import Client

MakeClient = Callable[[Bound], Client]

MAX_PASSING: Final = 128
MAX_LINGERING: Final = 16
"""Kept for the next request of the same override, until the next sweep."""


class Clients:
    """Makes clients on demand, and closes a client to which no route leads."""

    __slots__ = (
        "_clients",
        "_lingering",
        "_make",
        "_most",
        "_on_close",
        "_passing",
        "evicts",
        "expires",
        "misses",
        "press",
        "refused",
    )

    def __init__(self, make: MakeClient, on_close: Callable[[Client], None], most: int = MAX_PASSING) -> None:
        """`on_close` is told of each client that goes, to drop its metrics; `most` is for clients of overrides.

        `press` is called while there are that many; it lets an override go, and answers False where there is none.
        """
        self._make = make
        self._on_close = on_close
        self._most = most
        self._clients: dict[Path, Client] = {}
        self._passing: set[Path] = set()
        self._lingering: dict[Path, Client] = {}
        self.press: Callable[[], bool] = lambda: False
        self.misses = self.evicts = self.expires = 0
        """Clients that were made; that went to make room for others; that went because nothing leads to them."""
        self.refused = 0

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._clients.values()))

    @property
    def passing(self) -> int:
        """How many clients only overrides lead, or led, to."""
        return len(self._passing)

    def acquire(self, bound: Bound, passing: bool = False) -> Client:
        """The client of `bound`; `release` it. It follows the address set of the newest binding.

        A `passing` binding is a stranger's: it changes nothing about a client that others use.

        Raises:
            OverloadError: overrides have as many clients as they may, all in use.
        """
        client = self._clients.get(bound.id)
        if client is None:
            if passing:
                self._make_room()
            client = self._clients[bound.id] = self._make(bound)
            self.misses += 1
            if passing:
                self._passing.add(bound.id)
        elif not passing:
            self._passing.discard(bound.id)
            client.follow(bound.addr)
        else:
            self.follow_passing(client, bound)
        self._lingering.pop(bound.id, None)
        client.routes += 1
        return client

    def follow_passing(self, client: Client, bound: Bound) -> None:
        """An override was bound, to the id of `client`."""
        if client.id in self._passing:
            client.follow(bound.addr)

    def find(self, id: Path) -> Client | None:
        """The client of that id, if there is one."""
        return self._clients.get(id)

    def release(self, client: Client) -> None:
        """Take back one `acquire`."""
        client.routes -= 1
        if client.routes == 0 and client.in_flight == 0 and client.id in self._passing:
            self._lingering[client.id] = client
            if len(self._lingering) > MAX_LINGERING:
                self._evict()

    def sweep(self, now: float) -> Iterator[None]:
        """Close clients that nothing leads to, and old connections; about twice a second, client by client.

        After many changes of endpoints this is long work, so whoever walks through it can rest in between.
        """
        for client in list(self._clients.values()):
            if self._clients.get(client.id) is not client:
                pass  # it went while we rested
            elif client.routes == 0 and client.in_flight == 0:
                self._close(client)
                self.expires += 1
            else:
                client.sweep(now)
            yield

    def close(self) -> None:
        """Close all."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._passing.clear()
        self._lingering.clear()

    def _make_room(self) -> None:
        while len(self._passing) >= self._most:
            if self._lingering:
                self._evict()
            elif not self.press():
                self.refused += 1
                raise OverloadError(
                    f"the dtabs of requests lead to {self._most} clients that are all in use;"
                    " bindingCache.overrideClients allows no more"
                )

    def _evict(self) -> None:
        self._close(next(iter(self._lingering.values())))
        self.evicts += 1

    def _close(self, client: Client) -> None:
        del self._clients[client.id]
        self._passing.discard(client.id)
        self._lingering.pop(client.id, None)
        client.close()
        self._on_close(client)
