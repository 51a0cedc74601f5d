"""Places for connections of clients: how many there are, by whom they are held, and which is freed when all are taken.

All listeners of a process share them. When a newcomer finds no place, the connection that has been idle for longest
ends, preferably one of the client address that holds most: so nobody keeps others out by being there. Who is idle is
looked for only then, in samples (as Redis looks for the least recently used), and nothing is noted while requests are
served. Those of a client stand in a ring, and one that was looked at is left behind: so one round sees them all. (A
dict of its own would be a third of what a silent connection costs, where each has another address.)

A connection that is told to end ends a little later. If it has been spoken to meanwhile it stays, and another one is
looked for; where there is none, one more than allowed is there until somebody leaves.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from ipaddress import IPv6Address
from time import monotonic
from typing import Final, Protocol

from noderouter.reactor.task import Task
from noderouter.reactor.wire import Wire

GRACE_SECONDS = 0.5  # not Final: tests shorten it
"""A connection that was idle for less keeps its place: its client is about to ask, or has just been served."""
SAMPLE: Final = 64
"""Connections of one client that are looked at for one newcomer."""
FEW: Final = 64
"""Connections that are let in whatever the memory: they cost next to nothing, and so somebody is served."""
LOOK: Final = 256
"""Connections that are looked at for one newcomer where the client that holds most has none to give."""
IPV6_BITS: Final = 128


class Connection(Protocol):
    """One accepted connection of some protocol."""

    wire: Wire

    @property
    def idle(self) -> bool:
        """Nothing is in progress: it would not be missed."""
        ...

    @property
    def idle_since(self) -> float:
        """When its last exchange was over, by the monotonic clock; 0.0 where that is not known."""
        ...

    async def run(self, task: Task) -> None:
        """Serve it to its end; closes the wire."""
        ...

    def drain(self) -> None:
        """End soon."""
        ...

    def check(self, now: float) -> None:
        """End what has stood still for too long; `now` is monotonic seconds."""
        ...


class Client:
    """One client address, and how many connections it holds; `first` is the one that was looked at longest ago."""

    __slots__ = ("first", "held", "key")

    def __init__(self, key: str) -> None:
        self.key = key
        self.held = 0
        self.first: Place | None = None

    def __repr__(self) -> str:
        return f"<Client {self.key} connections={self.held}>"


class Place:
    """The place of one connection, in the ring of its client."""

    __slots__ = ("after", "before", "client", "connection", "task")

    def __init__(self, client: Client, task: Task, connection: Connection) -> None:
        """Stand behind all others."""
        self.client = client
        self.task = task
        self.connection = connection
        self.before = self.after = self
        first = client.first
        if first is None:
            client.first = self
        else:
            self.before, self.after = first.before, first
            first.before.after = self
            first.before = self
        client.held += 1

    def leave(self) -> None:
        """Leave the ring."""
        client = self.client
        client.held -= 1
        if client.first is self:
            client.first = self.after if client.held else None
        self.before.after, self.after.before = self.after, self.before
        del self.before, self.after  # who stands alone is his own neighbour, which nobody would free


class Places:
    """Called for each connection that comes and goes.

    Attributes:
        most: how many there are.
        taken: how many are taken, those included whose connection has been told to end.
        short: memory is short: who comes now takes another's place, where there are more than a few.
        evicted: connections that have given up their place.
    """

    __slots__ = ("_clients", "_held", "_of", "_prefix", "_ranks", "evicted", "most", "short", "taken")

    def __init__(self, most: int = sys.maxsize, ipv6_prefix: int = IPV6_BITS) -> None:
        """`ipv6_prefix`: how many bits of an IPv6 address identify a client."""
        self.most = most
        self.taken = 0
        self.short = False
        self.evicted = 0
        self._prefix = ipv6_prefix
        self._clients: OrderedDict[str, Client] = OrderedDict()
        self._of: dict[Task, Place] = {}
        # Clients by how many connections they hold, and the highest such number.
        self._ranks: dict[int, dict[Client, None]] = {}
        self._held = 0

    def __repr__(self) -> str:
        return f"<Places {self.taken}/{self.most} clients={len(self._clients)}>"

    def __len__(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    @property
    def full(self) -> bool:
        """Whether a newcomer needs somebody else's place."""
        return self.taken >= self.most or (self.short and self.taken >= FEW)

    def client(self, ip: str) -> Client:
        """The client with this address; remembered once it has entered."""
        key = client_key(ip, self._prefix)
        client = self._clients.get(key)
        return Client(key) if client is None else client

    def client_of(self, task: Task) -> Client | None:
        """Whose connection a task serves."""
        place = self._of.get(task)
        return None if place is None else place.client

    def enter(self, client: Client, task: Task, connection: Connection) -> None:
        """Take a place; `leave` when the task is over."""
        self._clients.setdefault(client.key, client)
        self._of[task] = Place(client, task, connection)
        self.taken += 1
        self._moved(client, client.held - 1)

    def leave(self, task: Task) -> Connection:
        """Give it back; return whose it was."""
        place = self._of.pop(task)
        client = place.client
        place.leave()
        self.taken -= 1
        self._moved(client, client.held + 1)
        if not client.held:
            del self._clients[client.key]
        return place.connection

    def _moved(self, client: Client, before: int) -> None:
        """A client has one connection more or less than `before`."""
        held = client.held
        if before:
            rank = self._ranks[before]
            del rank[client]
            if not rank:
                del self._ranks[before]
        if held:
            self._ranks.setdefault(held, {})[client] = None
        if held > self._held or (before == self._held and before not in self._ranks):
            self._held = held

    # Who leaves

    def make_room(self) -> bool:
        """Have the longest-idle connection end, in favour of a newcomer; false if none was found that is idle.

        Of many connections as many as `LOOK` are looked at: a later call looks at others.
        """
        if not self.taken:
            return False
        now = monotonic()
        longest = self._idlest(next(iter(self._ranks[self._held])), now)
        looked = 0
        while longest is None and looked < min(LOOK, self.taken):
            key, client = next(iter(self._clients.items()))
            self._clients.move_to_end(key)
            looked += min(client.held, SAMPLE)
            longest = self._idlest(client, now)
        return self._evict(longest, self.make_room)

    def make_room_for(self, client: Client) -> bool:
        """Have the longest-idle connection of this client end, in favour of its own newcomer."""
        return self._evict(self._idlest(client, monotonic()), partial(self.make_room_for, client))

    def let_go(self, most: int) -> int:
        """Have up to `most` idle connections end, because memory is short; how many."""
        count = 0
        while count < most and self.make_room():
            count += 1
        return count

    def _evict(self, task: Task | None, instead: Callable[[], bool]) -> bool:
        if task is None:
            return False
        task.cancel("its place is needed", partial(self._gives_way, task, instead))
        return True

    def _gives_way(self, task: Task, instead: Callable[[], bool]) -> bool:
        """Asked of a connection that is about to end: whether it is still idle. Else another one is told, `instead`."""
        place = self._of.get(task)
        if place is None or (place.connection.idle and place.connection.wire.silent()):
            self.evicted += 1
            return True
        instead()
        return False

    def _idlest(self, client: Client, now: float) -> Task | None:
        """Of a sample of its connections, the one that has been idle for longest, and for long enough."""
        found: Task | None = None
        earliest = now - GRACE_SECONDS
        for _ in range(min(client.held, SAMPLE)):
            place = client.first
            assert place is not None  # there are as many as it holds
            client.first = place.after
            task, connection = place.task, place.connection
            if task.queued or task.unwinding or not connection.idle:
                continue
            since = max(task.since, connection.idle_since)
            # A request that has arrived, and whose turn has not come yet, is in progress like any other.
            if since <= earliest and connection.wire.silent():
                found, earliest = task, since
        return found


def client_key(ip: str, ipv6_prefix: int = IPV6_BITS) -> str:
    """What addresses of one client have in common: an IPv4 address as a whole, of an IPv6 address its first bits."""
    if ":" not in ip or ipv6_prefix == IPV6_BITS:
        return ip
    shift = IPV6_BITS - ipv6_prefix
    return f"{IPv6Address(int(IPv6Address(ip.partition('%')[0])) >> shift << shift)}/{ipv6_prefix}"
