"""Clients of a router: shared, closed when nothing leads to them, swept one by one."""

from dtab import Bound, Path
from noderouter.naming.addr import AddrPending
from noderouter.naming.var import Var
from noderouter.router.clients import Clients


class Fake:
    """A client that remembers what became of it; a real one needs a reactor."""

    def __init__(self, bound):
        self.id, self.routes, self.in_flight, self.told = bound.id, 0, 0, []

    def follow(self, _addr):
        self.told.append("follow")

    def sweep(self, now):
        self.told.append(now)

    def close(self):
        self.told.append("close")


def bound(name):
    return Bound(Path.of("#", name), Path.EMPTY, Var(AddrPending()))


def test_a_sweep_goes_client_by_client_and_closes_what_nothing_leads_to():
    closed = []
    clients = Clients(Fake, closed.append)
    one, two, three = (clients.acquire(bound(name)) for name in ("one", "two", "three"))
    clients.release(two)
    clients.release(three)
    three.in_flight = 1
    sweep = clients.sweep(7.0)
    assert one.told == []
    next(sweep)
    assert (one.told, two.told, three.told) == ([7.0], [], [])
    assert clients.acquire(bound("two")) is two  # somebody comes while the sweep rests
    assert len(list(sweep)) == 2
    assert (two.told, three.told, closed) == (["follow", 7.0], [7.0], [])
    clients.release(two)
    list(clients.sweep(8.0))
    assert (two.told[-1], closed, len(clients)) == ("close", [two], 2)
