"""Who holds how many places, and who leaves when all are taken."""

import random
from dataclasses import dataclass
from time import monotonic

import pytest

from noderouter.proxy.listener import places as places_module
from noderouter.proxy.listener.places import LOOK, SAMPLE, Places, client_key


@dataclass(eq=False)
class Wire:
    quiet: bool = True

    def silent(self):
        return self.quiet


class Connection:
    """One that is idle, or not; and the task that serves it."""

    def __init__(self, idle_for=10.0, *, idle=True, since=0.0):
        self.idle = idle
        self.idle_since = monotonic() - since if since else 0.0
        self.wire = Wire()
        self.task = Task(monotonic() - idle_for)


class Task:
    def __init__(self, since):
        self.since = since
        self.queued = False
        self.unwinding = 0

    def cancel(self, _reason, meant):
        self.unwinding += meant()


def enter(places, ip, *connections):
    for each in connections:
        places.enter(places.client(ip), each.task, each)


def leaving(*connections):
    return [each for each in connections if each.task.unwinding]


def test_the_longest_idle_one_leaves():
    places = Places(3)
    some = [Connection(5), Connection(9), Connection(7)]
    enter(places, "10.0.0.1", *some)
    assert places.full
    assert places.make_room()
    assert leaving(*some) == [some[1]]
    assert places.make_room(), "it does not count on the one that is leaving already"
    assert leaving(*some) == some[1:]
    assert places.evicted == 2


def test_idle_since_the_end_of_the_last_response():
    """A task is noted when it wakes to read: that of a long download was last seen at its beginning."""
    places = Places(2)
    download, other = Connection(600, since=1.0), Connection(9)
    enter(places, "10.0.0.1", download, other)
    assert places.make_room()
    assert leaving(download, other) == [other]


@pytest.mark.parametrize("make", [
    lambda: Connection(idle=False),
    lambda: Connection(0.1),
    lambda: Connection(600, since=0.1),
])  # fmt: skip
def test_who_is_busy_or_was_a_moment_ago_stays(make):
    places = Places(1)
    enter(places, "10.0.0.1", made := make())
    assert not places.make_room()
    assert not leaving(made)


def test_a_request_that_has_arrived_is_not_lost():
    places = Places(2)
    asked, woken = Connection(), Connection()
    asked.wire.quiet = False
    woken.task.queued = True
    enter(places, "10.0.0.1", asked, woken)
    assert not places.make_room()


def test_the_client_that_holds_most_gives_first():
    places = Places(9)
    greedy, modest = [Connection(1 + number) for number in range(6)], [Connection(1000) for _ in range(3)]
    enter(places, "10.0.0.2", *modest)
    enter(places, "10.0.0.1", *greedy)
    assert places.make_room()
    assert leaving(*greedy, *modest) == [greedy[-1]]
    for each in greedy:
        each.idle = False
    assert places.make_room(), "where it has none to give, others do"
    assert len(leaving(*modest)) == 1


def test_few_are_looked_at_for_one_newcomer_and_all_in_the_end():
    places = Places(10 * LOOK)
    looked = 0

    class Busy(Connection):
        @property
        def idle(self):
            nonlocal looked
            looked += 1
            return False

        @idle.setter
        def idle(self, _value):
            pass

    busy = [Busy() for _ in range(10 * LOOK - 1)]
    for number, each in enumerate(busy):
        enter(places, f"10.0.0.{number % 3}", each)
    enter(places, "10.0.0.1", rare := Connection())
    assert places.full
    tries = 0
    while not places.make_room():
        tries += 1
        assert looked <= LOOK + 2 * SAMPLE
        looked = 0
        assert tries < 200
    assert leaving(rare)


def test_a_client_makes_room_for_itself_only():
    places = Places()
    mine, other = Connection(1), Connection(100)
    enter(places, "10.0.0.1", mine)
    enter(places, "10.0.0.2", other)
    assert places.make_room_for(places.client("10.0.0.1"))
    assert leaving(mine, other) == [mine]
    assert not places.make_room_for(places.client("10.0.0.1"))


def test_the_books_are_right_whatever_happens():
    rng = random.Random(1)
    places = Places()
    held = {}
    for _ in range(5000):
        if held and rng.random() < 0.49:
            made = rng.choice(list(held))
            del held[made]
            places.leave(made.task)
        else:
            held[made := Connection()] = ip = f"10.0.0.{rng.randrange(8)}"
            enter(places, ip, made)
        counts = [list(held.values()).count(ip) for ip in set(held.values())]
        assert places.taken == len(held)
        assert len(places) == len(counts)
        assert places._held == max(counts, default=0)
    for made in held:
        places.leave(made.task)
    assert (places.taken, len(places), places._held, places._ranks) == (0, 0, 0, {})


def test_while_memory_is_short_newcomers_take_anothers_place():
    places = Places()
    places.short = True
    assert not places.full, "a few are let in"
    some = [Connection() for _ in range(places_module.FEW)]
    enter(places, "10.0.0.1", *some)
    assert places.full
    assert places.let_go(10) == 10
    assert len(leaving(*some)) == 10


def test_which_addresses_are_one_client():
    assert client_key("10.0.0.1", 64) == "10.0.0.1"
    assert client_key("2001:db8::1") != client_key("2001:db8::2")
    assert client_key("2001:db8:0:1::1", 64) == client_key("2001:db8:0:1:ffff::2", 64) == "2001:db8:0:1::/64"
    assert client_key("2001:db8:0:1::1", 64) != client_key("2001:db8:0:2::1", 64)
    assert client_key("fe80::1%eth0", 64) == "fe80::/64"
