"""Limits of endpoints: who gets the request instead, who waits, and that books are kept.

Covers `instance.py`.
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter import _compiled
from noderouter.core.addr import ENDPOINT, GATEWAY, NAME, AddrBound, Address
from noderouter.core.errors import LimitReached, PolicyRefused
from noderouter.core.exchange import SUCCESS
from noderouter.core.var import Var
from noderouter.proxy.balancer.accrual.consecutive_failures import ConsecutiveFailuresKind
from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL, Accrual
from noderouter.proxy.balancer.p2c import P2CKind
from noderouter.proxy.client.client import Client
from noderouter.proxy.client.connections import Connections
from noderouter.proxy.client.endpoint import Endpoint
from noderouter.proxy.client.endpoint_limits import LOOKED, EndpointLimits
from noderouter.proxy.client.instance import Instance, Instances
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.client.settings import ClientSettings
from noderouter.proxy.limit.gradient import Gradient
from noderouter.proxy.limit.queue import Queue
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.reactor.event import Event
from noderouter.telemetry.metrics import RequestStats
from tests.testing.examples import examples
from tests.testing.loop import looping, until
from tests.testing.reply import make_exchange

on_sources = pytest.mark.skipif(
    _compiled.compiled(), reason="compiled classes take neither heirs nor stand-ins; run on the sources as well"
)


def ejected() -> Accrual:
    """An endpoint that failure accrual has closed."""
    accrual = ConsecutiveFailuresKind(kind="io.l5d.consecutiveFailures", failures=1).build(Random(1))()
    accrual.failure(0.0)
    return accrual


class World:
    """Endpoints on ports from 0 on, each with a limit; `closed` are those that failure accrual has closed."""

    def __init__(
        self,
        *limits: int,
        waiters: int = 10,
        closed: tuple[int, ...] = (),
        weights: Any = None,
        instances: Instances | None = None,
        origin: str = ENDPOINT,
    ) -> None:
        self.endpoints: dict[Any, Endpoint] = {}
        self.balancer = P2CKind(kind="p2c").build(Random(1))
        instances = Instances() if instances is None else instances
        self.limits = EndpointLimits(self.balancer, Queue(waiters, 1e6), instances, "it")
        for port, limit in enumerate(limits):
            address = Address("192.0.2.1", port, weight=1.0 if weights is None else weights[port], origin=origin)
            self.add(address, limit, ejected() if port in closed else NO_ACCRUAL)

    def add(self, address: Address, limit: int, accrual: Accrual = NO_ACCRUAL) -> Endpoint:
        endpoint = Endpoint(address, accrual, Connections("192.0.2.1", address.port), limit)
        self.endpoints[address] = endpoint
        self.limits.joined(endpoint)
        self.balancer.update(list(self.endpoints.values()))
        return endpoint

    def remove(self, endpoint: Endpoint) -> None:
        del self.endpoints[endpoint.address]
        endpoint.instance.leave(endpoint)  # as `retire` has it, of one with a pool
        self.balancer.update(list(self.endpoints.values()))

    def begin(self) -> Endpoint | None:
        """A request to whoever has room."""
        endpoint = self.limits.pick(0.0)
        if endpoint is not None:
            self.took(endpoint)
        return endpoint

    def took(self, endpoint: Endpoint) -> None:
        self.balancer.begin(endpoint, 0.0)
        self.limits.began(endpoint)

    def end(self, endpoint: Endpoint, ended: float | None = None, verdict: Any = None) -> None:
        self.balancer.end(endpoint, 0.0, None)
        exchange = make_exchange()
        exchange.verdict = verdict
        exchange.done_at = ended or 0.0
        self.limits.ended(endpoint, exchange, 0.0, ended)

    def taken(self) -> list[int]:
        return [each.instance.taken for each in self.endpoints.values()]

    def pending(self) -> list[int]:
        return [each.pending for each in self.endpoints.values()]


def test_each_gets_as_many_as_it_may_and_then_nobody_any():
    world = World(1, 3, 5)
    begun = [world.begin() for _ in range(10)]
    assert world.pending() == [1, 3, 5]
    assert begun[-1] is None
    world.end(begun[0])
    assert world.begin() is begun[0]


def test_closed_ones_get_no_more_because_others_are_full():
    world = World(2, 5, closed=(1,))
    assert [world.begin() is not None for _ in range(3)] == [True, True, False]
    assert world.pending() == [2, 0]
    alone = World(2, 2, closed=(0, 1))  # fail open
    assert [alone.begin() is not None for _ in range(5)] == [True] * 4 + [False]


def test_those_of_weight_0_are_not_for_what_others_have_no_room_for():
    world = World(2, 5, weights=[1.0, 0.0])
    assert [world.begin() is not None for _ in range(3)] == [True, True, False]
    assert world.pending() == [2, 0]


async def test_who_waits_gets_the_first_that_has_room():
    world = World(1, 1)
    first, second = world.begin(), world.begin()
    async with looping() as loop:
        got: list[Any] = []

        async def wait() -> None:
            endpoint = await world.limits.wait()
            world.took(endpoint)
            got.append(endpoint)

        tasks = [loop.reactor.spawn(wait(), str(number)) for number in range(3)]
        await until(lambda: len(world.limits.queue) == 3)
        world.end(second)
        assert world.begin() is None  # others are first
        await until(lambda: got == [second])
        world.end(first)
        tasks[1].cancel("gone")  # it has been given the other, and does not know
        await until(lambda: got == [second, first])
        assert world.pending() == world.taken() == [1, 1]
        assert all(task.done for task in tasks)


async def test_room_that_a_waiter_does_not_use_is_the_next_ones():
    """One that is refused behind its wait (a policy does not let it) has begun nothing, and so ends nothing."""
    world = World(1)
    only = world.begin()
    async with looping() as loop:
        got: list[Any] = []

        async def wait() -> None:
            got.append(await world.limits.wait())

        for number in range(2):
            loop.reactor.spawn(wait(), str(number))
        await until(lambda: len(world.limits.queue) == 2)
        world.end(only)
        await until(lambda: len(got) == 1)
        assert world.begin() is None  # who comes has it given to who waits
        await until(lambda: len(got) == 2)
        assert world.begin() is only


class Only(Connections):
    """Connections of which the first is never let go, and the others carry what they are given at once."""

    def __init__(self, *_settings: Any) -> None:
        super().__init__("192.0.2.1", 1)
        self.begun = 0
        self.let_go = Event()
        self.progress = 0.0

    def take(self) -> Any:
        return self

    async def exchange(self, exchange: Any, _fields: bytes) -> None:
        self.begun += 1
        if self.begun == 1:
            await self.let_go.wait()
        exchange.done_at = 1.0

    def give(self, _connection: Any, _now: float) -> None:
        pass

    def discard(self, _connection: Any) -> None:
        pass

    def close(self) -> None:
        pass


class RefusesOne:
    """An authorizer that refuses the one request for `/no`."""

    def check(self, exchange: Any, _address: Address) -> None:
        if exchange.target == b"/no":
            raise PolicyRefused("no", "p")

    def leave(self, _exchange: Any) -> None:
        pass


def limited(reactor: Any, addr: Any, pools: list[Only]) -> Client:
    """A client whose endpoints have one request at a time."""

    def connect(*settings: Any) -> Only:
        pools.append(Only(*settings))
        return pools[-1]

    settings = ClientSettings(
        balancer=lambda: P2CKind(kind="p2c").build(Random(1)),
        accrual=lambda: NO_ACCRUAL,
        requeue_budget=RetryBudget,
        pool=PoolSettings(),
        limit=lambda: (1, None),
        queue=lambda: Queue(10, 1e6),
    )
    anywhere = lambda _id, _address, _confined: None  # noqa: E731
    return Client(Path.of("it"), addr, settings, reactor, anywhere, connect, RefusesOne())  # type: ignore[arg-type]


@on_sources
async def test_a_place_that_a_policy_keeps_its_waiter_from_is_given_on():
    async with looping() as loop:
        pools: list[Only] = []
        client = limited(loop.reactor, Var(AddrBound(frozenset({Address("192.0.2.1", 1)}))), pools)
        over: list[str] = []

        async def send(target: bytes) -> None:
            try:
                await client.send(make_exchange(target=target), b"", RequestStats())
            except PolicyRefused:
                over.append("refused")
            else:
                over.append("answered")

        for number, target in enumerate((b"/", b"/no", b"/")):
            loop.reactor.spawn(send(target), str(number))
            await until(lambda known=number: len(client.limits.queue) == known)
        pools[0].let_go.set()
        await until(lambda: len(over) == 3)
        assert sorted(over) == ["answered", "answered", "refused"]
        client.close()


@on_sources
async def test_who_waits_is_given_an_endpoint_that_comes():
    async with looping() as loop:
        pools: list[Only] = []
        addr: Var[Any] = Var(AddrBound(frozenset({Address("192.0.2.1", 1)})))
        client = limited(loop.reactor, addr, pools)
        for number in range(2):
            loop.reactor.spawn(client.send(make_exchange(), b"", RequestStats()), str(number))
        await until(lambda: len(client.limits.queue) == 1)
        addr.set(AddrBound(frozenset({Address("192.0.2.1", port) for port in (1, 2)})))
        client.sweep(0.0)
        await until(lambda: pools[1].begun == 1)
        for pool in pools:
            pool.let_go.set()
        await until(lambda: client.in_flight == 0)
        client.close()


async def test_an_endpoint_that_leaves_is_no_place():
    world = World(1)
    only = world.begin()
    async with looping() as loop:
        got: list[Any] = []

        async def wait() -> None:
            got.append(await world.limits.wait())

        loop.reactor.spawn(wait(), "waiter")
        await until(lambda: world.limits.queue)
        world.end(only)
        world.remove(only)
        await until(lambda: got)
        assert got == [None]
        assert only.instance.taken == 0


async def test_whose_endpoint_left_before_he_was_there_is_next_as_he_was():
    world = World(1, 1)
    first, second = world.begin(), world.begin()
    async with looping() as loop:
        got: list[tuple[int, Any]] = []

        async def wait(number: int) -> None:
            got.append((number, await world.limits.wait()))
            world.took(got[-1][1])

        for number in range(3):
            loop.reactor.spawn(wait(number), str(number))
            await until(lambda known=number: len(world.limits.queue) == known + 1)
        world.end(first)
        world.remove(first)  # the first waiter was told to go there, and does not know
        await until(lambda: len(world.limits.queue) == 3)
        assert got == []
        world.end(second)
        await until(lambda: got)
        assert got == [(0, second)]
        new = world.add(Address("192.0.2.2", 1), 2)
        world.limits.grant(0.0)
        await until(lambda: len(got) == 3)
        assert got[1:] == [(1, new), (2, new)]
        assert world.limits.queue.waited == 3
        assert world.taken() == [1, 2]


async def test_he_waits_no_longer_for_that():
    """Nor is he owed the time anew, and again: each may leave before he is there."""
    world = World(1)
    only = world.begin()
    async with looping() as loop:
        failed: list[LimitReached] = []

        async def wait() -> None:
            try:
                await world.limits.wait()
            except LimitReached as error:
                failed.append(error)

        loop.reactor.spawn(wait(), "waiter")
        await until(lambda: world.limits.queue)
        (turn,) = world.limits.queue._turns
        turn.deadline = 0.0  # the time that he had is over by the time that he is told
        world.took(world.add(Address("192.0.2.2", 1), 1))
        world.end(only)
        world.remove(only)
        await until(lambda: failed)
        assert (world.limits.queue.timed_out, len(world.limits.queue)) == (1, 0)


@pytest.mark.parametrize("weights", [None, [1.0, *[0.0] * 299], [0.0] * 300])
def test_nothing_looks_at_all_of_many(weights, monkeypatch):
    """The one of 300 that has room is found within a few requests, by looking at so many each time."""
    size = 300
    world = World(*[1] * size, weights=weights)
    for endpoint in world.endpoints.values():
        world.took(endpoint)
    assert world.begin() is None
    free = next(iter(world.endpoints.values()))
    free.instance.taken = 0
    tries = 0
    while (found := world.begin()) is None:
        tries += 1
        assert tries <= size // LOOKED
    assert found is free


@on_sources
def test_all_being_full_costs_so_many_looks_and_no_more():
    class Counted(Instance):
        looks = 0

        @property
        def taken(self) -> int:
            Counted.looks += 1
            return 1

        @taken.setter
        def taken(self, value: int) -> None:
            pass

    world = World(*[1] * 2000)
    for endpoint in world.endpoints.values():
        endpoint.instance = Counted({}, None)
    assert world.begin() is None
    assert Counted.looks <= LOOKED + 1


# Several names of one instance


def test_names_of_an_instance_share_its_limit():
    instances = Instances()
    http, number = World(2, instances=instances), World(2, instances=instances)
    assert [world.begin() is not None for world in (http, number, http, number)] == [True, True, False, False]
    assert len(instances) == 1
    (endpoint,) = http.endpoints.values()
    http.end(endpoint)
    assert number.begin() is not None
    assert http.begin() is None
    # Each has a limit of its own for what all have there.
    larger = World(3, instances=instances)
    assert [larger.begin() is not None for _ in range(2)] == [True, False]
    for world in (http, number, larger):
        for each in world.endpoints.values():
            each.instance.leave(each)
    assert len(instances) == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"origin": NAME}, {"origin": NAME}),
        ({"meta": (GATEWAY,)}, {"meta": (GATEWAY,)}),
        ({"meta": (("uid", "a"),)}, {"meta": (("uid", "b"),)}),
    ],
    ids=["an address that somebody named", "a router in front of pods", "the next pod of an address"],
)
def test_what_may_be_many_things_is_not_one(first, second):
    instances = Instances()
    for keys in (first, second):
        world = World(instances=instances)
        world.add(replace(Address("192.0.2.1", 1, origin=ENDPOINT), **keys), 1)
        assert world.begin() is not None


async def test_who_has_waited_for_longest_is_next_whatever_the_name():
    instances = Instances()
    worlds = [World(1, instances=instances) for _ in range(2)]
    busy = worlds[0].begin()
    async with looping() as loop:
        got: list[int] = []

        async def wait(number: int) -> None:
            endpoint = await worlds[number % 2].limits.wait()
            worlds[number % 2].took(endpoint)
            got.append(number)

        order = [1, 0, 3, 2]
        for count, number in enumerate(order):
            loop.reactor.spawn(wait(number), str(number))
            await until(lambda known=count: sum(len(each.limits.queue) for each in worlds) == known + 1)
        worlds[0].end(busy)
        for count, number in enumerate(order):
            await until(lambda known=count: len(got) == known + 1)
            (endpoint,) = worlds[number % 2].endpoints.values()
            worlds[number % 2].end(endpoint)
        assert got == order
        assert worlds[0].taken() == [0]


def test_an_adaptive_limit_is_told_what_says_something():
    gradient = Gradient(1, 9)
    endpoint = Endpoint(Address("192.0.2.1", 1), NO_ACCRUAL, Connections("192.0.2.1", 1), 99, gradient)
    assert endpoint.limit == 9
    world = World()
    world.endpoints[endpoint.address] = endpoint
    world.limits.joined(endpoint)
    world.balancer.update([endpoint])
    for ended, verdict in ((0.5, SUCCESS), (0.6, None), (None, SUCCESS)):
        assert world.begin() is endpoint
        world.end(endpoint, ended, verdict)
    assert gradient._samples == [0.5]
    # What it did not answer within the time that it is granted would have taken longer still.
    endpoint.failed("ConnectError", make_exchange(), 0.0, 1.0)
    endpoint.failed("Timeout", make_exchange(), 0.0, 2.0)
    endpoint.failed("EndpointTimeout", make_exchange(), 0.0, 3.0)
    assert gradient._samples == [0.5, 2.0, 3.0]
    for number in range(20):
        gradient.add(0.01, 1, 10.0 + number / 10)
    for number in range(20):
        endpoint.failed("Timeout", make_exchange(), 20.0 + number, 21.0 + number)
    assert endpoint.limit == gradient.limit < 9


@examples(100)
@given(
    limits=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    history=st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=60),
)
def test_any_history_keeps_within_the_limits_and_wastes_no_room(limits, history):
    world = World(*limits)
    begun: list[Endpoint] = []
    for come, which in history:
        if come or not begun:
            endpoint = world.begin()
            assert (endpoint is None) == (len(begun) == sum(limits))
            if endpoint is not None:
                begun.append(endpoint)
        else:
            world.end(begun.pop(which % len(begun)))
        assert all(each.instance.taken == each.pending <= each.limit for each in world.endpoints.values())
