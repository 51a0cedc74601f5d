"""Clients of a router: shared, closed when nothing leads to them, swept one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Bound, Path
from noderouter.core.addr import AddrPending
from noderouter.core.errors import OverloadError
from noderouter.core.var import Var
from noderouter.proxy.router.clients import MAX_LINGERING, Clients


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


def passing(clients, *names):
    return [clients.acquire(bound(name), True) for name in names]


def test_clients_of_overrides_do_not_pile_up_between_two_sweeps():
    closed = []
    clients = Clients(Fake, closed.append)
    for number in range(1000):
        (client,) = passing(clients, f"{number}")
        clients.release(client)
        assert len(clients) <= MAX_LINGERING
    assert (len(closed), clients.evicts) == (1000 - MAX_LINGERING, 1000 - MAX_LINGERING)
    assert (clients.misses, clients.expires) == (1000, 0)
    assert all(client.told == ["close"] for client in closed)
    assert passing(clients, "999")[0].told == ["follow"]  # it lingers for whoever comes next
    list(clients.sweep(1.0))
    assert (len(clients), clients.passing) == (1, 1)
    assert clients.expires == MAX_LINGERING - 1


def test_one_in_use_is_not_closed_early():
    clients = Clients(Fake, lambda _client: None)
    (busy,) = passing(clients, "busy")
    busy.in_flight = 1
    clients.release(busy)
    for number in range(2 * MAX_LINGERING):
        clients.release(*passing(clients, f"{number}"))
    assert clients.find(busy.id) is busy
    busy.in_flight = 0
    list(clients.sweep(1.0))
    assert clients.find(busy.id) is None


def test_beyond_their_number_overrides_are_let_go_and_then_refused():
    clients = Clients(Fake, lambda _client: None, 2)
    one, two = passing(clients, "one", "two")
    held = [one]

    def press():
        if held:
            clients.release(held.pop())
            return True
        return False

    clients.press = press
    (three,) = passing(clients, "three")
    assert (clients.find(one.id), clients.passing) == (None, 2)
    with pytest.raises(OverloadError) as caught:
        passing(clients, "four")
    assert (caught.value.status, caught.value.retryable, clients.refused) == (503, True, 1)
    ordinary = clients.acquire(bound("five"))  # the router's own dtab is not concerned
    assert passing(clients, "five")[0] is ordinary
    assert {client.id for client in clients} == {two.id, three.id, ordinary.id}


def test_an_override_changes_nothing_about_a_client_that_others_use():
    clients = Clients(Fake, lambda _client: None, 1)
    client = clients.acquire(bound("one"))
    passing(clients, "one")
    clients.follow_passing(client, bound("one"))
    assert (client.told, clients.passing) == ([], 0)
    (other,) = passing(clients, "other")
    clients.follow_passing(other, bound("other"))
    assert other.told == ["follow"]
    clients.acquire(bound("other"))
    assert (other.told, clients.passing) == (["follow", "follow"], 0)


@given(st.lists(st.tuples(st.sampled_from(["take", "pass", "give", "send", "end", "sweep"]), st.integers(0, 5))))
def test_any_history_ends_with_nothing_left(steps):
    """What is acquired stays open until it is released; no more than allowed; nothing stays behind."""
    closed, taken, busy = [], [], []
    clients = Clients(Fake, closed.append, 3)
    for what, number in steps:
        if what in ("take", "pass"):
            try:
                taken.append(clients.acquire(bound(f"{number}"), what == "pass"))
            except OverloadError:
                continue
        elif what == "give" and taken:
            clients.release(taken.pop(number % len(taken)))
        elif what == "send" and taken:
            busy.append(taken[number % len(taken)])
            busy[-1].in_flight += 1
        elif what == "end" and busy:
            busy.pop(number % len(busy)).in_flight -= 1
        elif what == "sweep":
            list(clients.sweep(0.0))
        assert not set(closed) & {*taken, *busy}
        assert clients.passing <= 3
        assert sum(client.routes for client in clients) == len(taken)
    for client in taken:
        clients.release(client)
    for client in busy:
        client.in_flight -= 1
    list(clients.sweep(1.0))
    assert (len(clients), clients.passing) == (0, 0)
    assert len(closed) == len(set(closed)) == clients.evicts + clients.expires == clients.misses
