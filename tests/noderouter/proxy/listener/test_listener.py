"""Accepting: how much in a step, whom there is no place for, and who leaves in favour of others."""

import select
import socket
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

import pytest
import trio
import trio.testing

from noderouter.proxy.listener import listener as listener_module
from noderouter.proxy.listener import places as places_module
from noderouter.proxy.listener.listener import ACCEPT_BATCH, Listener, listen
from noderouter.proxy.listener.places import Places
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import reschedule
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import looping, until


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    monkeypatch.setattr(places_module, "GRACE_SECONDS", 0.0)


class Echo:
    """Says hello, then echoes; `idle` as its test wants."""

    idle = True
    idle_since = 0.0

    def __init__(self, wire, peer):
        self.wire = wire
        self.peer = peer

    async def run(self, _task):
        try:
            while data := await self.wire:
                await self.wire.send(data)
        except WireError:
            pass
        finally:
            self.wire.close()

    def drain(self):
        pass

    def check(self, now):
        pass


class Busy(Echo):
    idle = False


@asynccontextmanager
async def listening(*makes, places=None, most=10**9):
    """Listeners while inside, and their loop."""
    errors = []
    async with looping() as loop:
        made = [
            Listener(loop.reactor, listen("127.0.0.1", 0), make, errors.append, places, most)
            for make in makes or [Echo]
        ]
        yield loop, made
        for each in made:
            each.drain()
            each.abort()
        await until(lambda: all(each.empty.is_set() for each in made))


def dial(listener, count=1, host="127.0.0.1"):
    """Connections, which the kernel takes at once, from an address of this host."""
    made = []
    for _ in range(count):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # leaves nothing in TIME_WAIT
        if host != "127.0.0.1":
            sock.bind((host, 0))
        sock.connect(listener.address)
        sock.setblocking(False)
        made.append(sock)
    return made


def close(socks):
    for each in socks:
        each.close()


def ended(sock):
    """Whether the other end has closed, in good order or not."""
    if not select.select([sock], [], [], 0)[0]:
        return False
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def was_reset(sock):
    try:
        sock.recv(1)
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return False


async def test_a_crowd_is_accepted_in_small_steps():
    """Whoever can run gets a turn behind every few of them."""
    async with listening() as (loop, (listener,)):
        seen = []
        stop = False

        async def other():
            while not stop:
                seen.append(len(listener.connections))
                await reschedule()

        crowd = dial(listener, 400)  # before the reactor has its next turn
        loop.reactor.spawn(other(), "other")
        await until(lambda: len(listener.connections) == 400)
        stop = True
        steps = [after - before for before, after in pairwise(seen)]
        assert max(steps) <= ACCEPT_BATCH
        close(crowd)
        await until(lambda: not listener.connections)


async def test_a_crowd_at_one_listener_does_not_keep_another_waiting():
    before = []

    def note(wire, peer):
        before.append(len(crowded.connections))
        return Echo(wire, peer)

    async with listening(Echo, note) as (_loop, (crowded, quiet)):
        await trio.testing.wait_all_tasks_blocked()  # both wait
        crowd = dial(crowded, 400)
        alone = dial(quiet)
        await until(lambda: quiet.connections)
        assert before[0] <= 2 * ACCEPT_BATCH
        close(crowd + alone)
        await until(lambda: not crowded.connections)


async def test_who_opens_and_closes_without_end_does_not_keep_others_waiting():
    async with listening() as (loop, (listener,)):
        stop = False

        async def storm():
            while not stop:
                close(dial(listener, ACCEPT_BATCH))  # as many as are accepted in a step: there are always some
                await reschedule()

        loop.reactor.spawn(storm(), "storm")
        await until(lambda: listener.connections)
        stream = await trio.open_tcp_stream(*listener.address)
        for _ in range(20):
            turns = loop.reactor.turns
            await stream.send_all(b"x")
            with trio.fail_after(PATIENCE_SECONDS):
                assert await stream.receive_some(1) == b"x"
            assert loop.reactor.turns - turns < 10
        stop = True
        await stream.aclose()
        await until(lambda: not listener.connections)


async def test_the_longest_idle_connection_goes_for_a_new_one():
    async with listening(places=Places(3)) as (_loop, (listener,)):
        old = []
        for _ in range(3):
            old += dial(listener)
            await until(lambda: len(listener.connections) == len(old))
        new = dial(listener)
        await until(lambda: ended(old[0]))
        new[0].send(b"x")
        await until(lambda: select.select(new, [], [], 0)[0])
        assert new[0].recv(9) == b"x"
        assert [ended(each) for each in old[1:]] == [False, False]
        assert listener.exhausted == 0
        close(old + new)
        await until(lambda: not listener.connections)


async def test_who_speaks_up_before_it_ends_keeps_its_place_and_another_goes():
    places = Places(3)
    async with listening(places=places) as (_loop, (listener,)):
        there = []
        for _ in range(3):
            there += dial(listener)
            await until(lambda: len(listener.connections) == len(there))
        await trio.testing.wait_all_tasks_blocked()
        assert places.make_room()
        there[0].send(b"x")  # it was chosen, and has not been told yet
        await until(lambda: select.select(there[:1], [], [], 0)[0])
        assert there[0].recv(9) == b"x"
        await until(lambda: places.taken == 2)
        assert [ended(each) for each in there] == [False, True, False]
        assert places.evicted == 1
        close(there)
        await until(lambda: not listener.connections)


async def test_where_no_other_is_idle_nobody_goes_for_one_that_speaks_up():
    places = Places(1)
    async with listening(places=places) as (_loop, (listener,)):
        there = dial(listener)
        await until(lambda: listener.connections)
        await trio.testing.wait_all_tasks_blocked()
        (client,) = {places.client_of(task) for task in listener.connections.values()}
        assert places.make_room_for(client)
        there[0].send(b"x")
        await until(lambda: select.select(there, [], [], 0)[0])
        assert there[0].recv(9) == b"x"
        assert (places.taken, places.evicted) == (1, 0)
        there += dial(listener)  # as many as before: it goes for this one
        await until(lambda: ended(there[0]))
        assert places.evicted == 1
        close(there)
        await until(lambda: not listener.connections)


async def test_places_are_shared_and_given_back():
    places = Places(4)
    async with listening(Echo, Busy, places=places) as (_loop, (first, second)):
        there = dial(first, 2) + dial(second, 2)
        await until(lambda: places.taken == 4)
        more = dial(second, 2)  # in the place of the two that are idle at the other one
        await until(lambda: len(second.connections) == 4)
        assert not first.connections
        assert places.taken == 4
        close(there + more)
        await until(lambda: not places.taken)


async def test_who_is_told_to_end_before_he_has_begun_leaves_nothing():
    places = Places()
    async with listening(places=places) as (_loop, (listener,)):
        peer, ours = socket.socketpair()
        listener._admit(ours, ("10.0.0.1", 1), places.client("10.0.0.1"))
        listener.abort()
        await until(lambda: not listener.connections)
        assert places.taken == 0
        assert ended(peer)
        peer.close()


async def test_while_nobody_is_idle_newcomers_wait_and_are_served_then(monkeypatch):
    monkeypatch.setattr(listener_module, "PAUSE_SECONDS", 0.01)
    async with listening(Busy, places=Places(2)) as (_loop, (listener,)):
        there = dial(listener, 2)
        await until(lambda: len(listener.connections) == 2)
        waiting = dial(listener, 3)
        await until(lambda: listener.exhausted)
        assert len(listener.connections) == 2
        assert not any(was_reset(each) for each in waiting)
        close(there)
        for each in waiting[:2]:
            each.send(b"x")
        await until(lambda: len(select.select(waiting, [], [], 0)[0]) == 2)
        close(waiting[:2])
        await until(lambda: len(listener.connections) == 1)
        close(waiting)
        await until(lambda: not listener.connections)


async def test_whoever_waits_at_one_listener_has_the_place_that_another_gives_back():
    async with listening(Busy, Busy, places=Places(1)) as (_loop, (one, two)):
        there = dial(one)
        await until(lambda: one.connections)
        waiting = dial(two)
        await until(lambda: two.exhausted)
        two.drain()
        assert not two.empty.is_set()
        close(there)
        await until(lambda: not one.connections)
        list(two.check(0.0))
        await until(lambda: two.connections)
        close(waiting)
        await until(lambda: two.empty.is_set())


async def test_a_client_that_holds_as_many_as_it_may_is_refused_and_others_are_not():
    async with listening(Busy, most=3) as (_loop, (listener,)):
        there = dial(listener, 3)
        await until(lambda: len(listener.connections) == 3)
        more = dial(listener, 5)
        await until(lambda: listener.refused == 5)
        await until(lambda: all(was_reset(each) for each in more))
        other = dial(listener, 3, host="127.0.0.2")
        await until(lambda: len(listener.connections) == 6)
        there.pop().close()
        await until(lambda: len(listener.connections) == 5)
        again = dial(listener)
        await until(lambda: len(listener.connections) == 6)
        close(there + more + other + again)
        await until(lambda: not listener.connections)


async def test_at_its_limit_a_client_loses_its_own_idle_connections():
    async with listening(most=3) as (_loop, (listener,)):
        other = dial(listener, 1, host="127.0.0.2")
        await until(lambda: listener.connections)
        there = []
        for number in range(3):
            there += dial(listener)
            await until(partial(lambda number: len(listener.connections) == number + 2, number))
        more = dial(listener)
        await until(lambda: ended(there[0]))
        assert listener.refused == 0
        assert not ended(other[0])
        close(there + more + other)
        await until(lambda: not listener.connections)


async def test_whoever_waits_has_his_turn_while_it_drains_and_is_let_go_at_its_end():
    async with listening(Busy, places=Places(1)) as (_loop, (listener,)):
        there = dial(listener)
        await until(lambda: listener.connections)
        waiting = dial(listener, 4)
        await until(lambda: listener.exhausted)
        listener.drain()
        for each in waiting[:2]:
            assert not was_reset(each)
            each.send(b"x")
        close(there)
        await until(lambda: select.select(waiting[:1], [], [], 0)[0])
        assert waiting[0].recv(9) == b"x"
        close(waiting[:1])
        await until(lambda: select.select(waiting[1:2], [], [], 0)[0])
        assert not listener.empty.is_set()
        assert listener.refused == 0
        listener.abort()
        await until(lambda: was_reset(waiting[2]) and was_reset(waiting[3]))
        close(waiting)
        await until(lambda: listener.empty.is_set())
