"""Connections that are shared: who gets room on which, who waits, and when another one is opened.

Covers `connections.py`.
"""

from math import inf

import pytest
import trio

from noderouter.core.errors import ConnectError, OverloadError
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.reactor.errors import Cancelled, WireError
from tests.noderouter.proxy.client.shared_ends import ends, refused
from tests.testing.http2 import NO_ERROR, data, goaway
from tests.testing.loop import until
from tests.testing.reply import make_exchange


async def test_all_who_come_while_it_connects_wait_for_the_one_attempt() -> None:
    async with ends() as e:
        e.gate.clear()
        callers = [e.call() for _ in range(50)]
        await until(lambda: e.attempts)
        await e.quiet()
        assert all(each.waits for each in callers)
        e.gate.set()
        await e.settle(*callers)
        assert e.attempts == len(e.ends) == 1
        assert e.granted == callers
        assert e.ends[0].shared.taken == e.ends[0].shared.used == 50


async def test_who_leaves_meanwhile_ends_it_for_nobody() -> None:
    async with ends() as e:
        e.gate.clear()
        first, second = e.call(), e.call()
        await until(lambda: e.attempts)
        assert first.task is not None
        first.task.cancel("the client has left")
        await e.settle(first)
        e.gate.set()
        await e.settle(second)
        assert (e.attempts, e.ends[0].shared.taken) == (1, 1)


async def test_a_connection_that_nobody_waits_for_any_more_is_there_for_the_next() -> None:
    async with ends() as e:
        e.gate.clear()
        first = e.call()
        await until(lambda: e.attempts)
        assert first.task is not None
        first.task.cancel("the client has left")
        await e.settle(first)
        e.gate.set()
        await until(lambda: e.ends)
        await e.settle(e.call())
        assert (e.attempts, e.stats.cancelled_connects, e.stats.connects) == (1, 1, 1)


async def test_a_connect_that_fails_fails_for_all_who_wait_and_is_tried_again_for_the_next() -> None:
    async with ends() as e:
        e.gate.clear()
        e.failing = refused()
        callers = [e.call() for _ in range(3)]
        await until(lambda: e.attempts)
        e.gate.set()
        await e.settle(*callers)
        assert all(isinstance(each.error, ConnectError) and "refused" in str(each.error) for each in callers)
        assert (e.stats.connect_failures, e.pool.size) == (1, 0)
        e.failing = None
        await e.settle(e.call())
        assert e.attempts == 2


async def test_one_error_for_thousands_does_not_keep_their_frames() -> None:
    async with ends() as e:
        e.gate.clear()
        e.failing = refused()
        callers = [e.call() for _ in range(100)]
        await until(lambda: e.attempts)
        e.gate.set()
        await e.settle(*callers)
        trace, depth = callers[-1].error.__traceback__, 0  # type: ignore[union-attr]
        while trace is not None:
            trace, depth = trace.tb_next, depth + 1
        assert depth < 10


async def test_a_machine_without_descriptors_is_no_fault_of_the_endpoint() -> None:
    async with ends() as e:
        e.failing = WireError(24, "Too many open files")
        caller = e.call()
        await e.settle(caller)
        assert isinstance(caller.error, OverloadError)


async def test_who_waits_for_a_connection_waits_as_long_as_he_may() -> None:
    async with ends() as e:
        e.gate.clear()
        patient, hasty = e.call(), e.call(seconds=0.05)
        await e.settle(hasty)
        assert isinstance(hasty.error, ConnectError)
        assert "no connection within 0.05 s" in str(hasty.error)
        assert patient.waits
        e.gate.set()
        await e.settle(patient)


async def test_a_connect_that_takes_too_long_fails() -> None:
    async with ends(PoolSettings(connect_seconds=0.05)) as e:
        e.gate.clear()
        caller = e.call()
        await e.settle(caller)
        assert "no connection within 0.05 s" in str(caller.error)


async def test_the_connection_that_carries_fewest_gets_the_next() -> None:
    async with ends() as e:
        await e.settle(*[e.call() for _ in range(100)])  # before its settings are here
        await e.settle(e.call())
        assert [each.shared.taken for each in e.ends] == [100, 1]
        for caller in e.callers[:98]:
            e.give(caller)
        await e.settle(*[e.call() for _ in range(4)])
        assert [each.shared.taken for each in e.ends] == [4, 3]


@pytest.mark.parametrize("limit", [1, 3])
async def test_where_all_are_full_another_is_opened(limit: int) -> None:
    async with ends() as e:
        await e.settle(e.call())
        await e.ends[0].allow(limit)
        for count in range(2, 3 * limit + 1):
            await e.settle(e.call())
            await e.ends[-1].allow(limit)
            assert len(e.ends) == -(-count // limit)


async def test_an_endpoint_that_takes_none_at_the_moment_is_not_asked_on_another_connection() -> None:
    async with ends() as e:
        first = e.call()
        await e.settle(first)
        await e.ends[0].allow(0)
        waits, hasty = e.call(), e.call(seconds=0.05)
        await e.settle(hasty)
        assert "allowed no stream for 0.05 s (SETTINGS_MAX_CONCURRENT_STREAMS)" in str(hasty.error)
        assert waits.waits
        assert e.attempts == 1
        await e.ends[0].allow(2)
        await e.settle(waits)
        assert e.ends[0].shared.taken == 2


async def test_a_limit_that_falls_while_it_is_in_use_holds_for_the_next() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        callers = [e.call() for _ in range(5)]
        await e.settle(*callers)
        await e.ends[0].allow(3)
        late = e.call()
        for caller in callers[:2]:
            e.give(caller)
        await e.quiet()
        assert late.waits
        e.give(callers[2])
        await e.settle(late)
        assert e.ends[0].shared.taken == 3


async def test_in_a_full_pool_who_comes_first_is_served_first() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        first = e.call()
        await e.settle(first)
        await e.ends[0].allow(1)
        callers = [e.call(seconds=0.05) for _ in range(6)]
        await until(lambda: e.stats.waiters == 6)
        await trio.sleep(0.15)  # what they have is for connecting: they wait on
        callers[2].task.cancel("the client has left")  # type: ignore[union-attr]
        await e.settle(callers[2])
        now = first
        for caller in [callers[0], callers[1], callers[3], callers[4], callers[5]]:
            e.give(now)
            overtaking = e.call()
            await e.settle(caller)
            assert overtaking.waits
            now = caller
        assert e.stats.waited == 11
        assert e.attempts == 1


async def test_who_leaves_with_room_in_his_hand_hands_it_on() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        first = e.call()
        await e.settle(first)
        await e.ends[0].allow(1)
        leaves, next_one = e.call(), e.call()
        await until(lambda: e.stats.waiters == 2)
        e.give(first)
        leaves.task.cancel("in the same round")  # type: ignore[union-attr]
        await e.settle(leaves, next_one)
        assert isinstance(leaves.error, Cancelled)
        assert e.ends[0].shared.taken == 1


async def test_no_more_than_so_many_may_wait_for_a_full_pool() -> None:
    async with ends(PoolSettings(max_size=1, max_waiters=2)) as e:
        await e.settle(e.call())
        await e.ends[0].allow(1)
        callers = [e.call() for _ in range(3)]
        await e.settle(callers[2])
        assert isinstance(callers[2].error, OverloadError)
        assert (e.stats.too_many_waiters, e.stats.waiters) == (1, 2)


async def test_a_connection_that_is_going_gets_nothing_new_and_leaves_with_its_last_exchange() -> None:
    async with ends() as e:
        first = e.call()
        await e.settle(first)
        await e.ends[0].say(goaway(2**31 - 1))
        second = e.call()
        await e.settle(second)
        assert len(e.ends) == 2
        assert second.shared is e.ends[1].shared
        assert e.pool.size == 2
        e.give(first)
        assert e.pool.size == 1
        assert e.ends[0].shared.wire.closed


async def test_one_that_is_going_is_in_nobodys_way() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        await e.settle(e.call())  # a long stream
        await e.ends[0].allow(1)
        waits = e.call()
        await until(lambda: e.stats.waiters == 1)
        await e.ends[0].say(goaway(2**31 - 1))
        await e.settle(waits)
        assert [each.shared.taken for each in e.ends] == [1, 1]


async def test_an_idle_connection_that_its_endpoint_closes_leaves_at_once() -> None:
    async with ends() as e:
        first = e.call()
        await e.settle(first)
        e.give(first)
        assert e.pool.free == 1
        await e.ends[0].leave()
        await until(lambda: e.pool.size == 0)
        assert (e.stats.closes, e.pool.free) == (1, 0)


async def test_those_who_waited_for_a_connection_that_ends_have_another() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        first = e.call()
        await e.settle(first)
        await e.ends[0].allow(1)
        waits = e.call()
        await until(lambda: e.stats.waiters == 1)
        await e.ends[0].leave()
        await e.settle(waits)
        assert e.attempts == 2


async def test_idle_ones_are_closed_and_said_goodbye_to() -> None:
    async with ends(PoolSettings(idle_seconds=3.0)) as e:
        first = e.call()
        await e.settle(first)
        e.give(first)  # at 0.0
        e.pool.sweep(2.9)
        assert e.pool.size == 1
        e.pool.sweep(3.1)
        assert e.pool.size == 0
        await e.quiet()
        assert e.ends[0].sock.recv(65536).endswith(goaway(0, NO_ERROR))


async def test_of_those_that_are_idle_so_many_stay() -> None:
    async with ends(PoolSettings(idle_seconds=3.0, min_size=1)) as e:
        await e.settle(*[e.call() for _ in range(101)])
        for caller in e.holding:
            e.give(caller)
        e.pool.sweep(10.0)
        assert e.pool.size == 1


async def test_one_that_is_too_old_carries_nothing_new() -> None:
    async with ends(PoolSettings(life_seconds=100.0)) as e:
        first = e.call()
        await e.settle(first)
        e.pool.sweep(e.ends[0].shared.born + 101.0)
        assert e.ends[0].shared.ending
        assert not e.ends[0].shared.wire.closed
        second = e.call()
        await e.settle(second)
        assert len(e.ends) == 2
        e.give(first)
        assert e.ends[0].shared.wire.closed


async def test_a_removed_endpoint_turns_waiters_away_and_ends_with_its_exchanges() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        first = e.call()
        await e.settle(first)
        await e.ends[0].allow(1)
        waits = e.call()
        await until(lambda: e.stats.waiters == 1)
        e.pool.close()
        await e.settle(waits)
        assert "the endpoint was removed" in str(waits.error)
        late = e.call()
        await e.settle(late)
        assert "the endpoint was removed" in str(late.error)
        assert not e.ends[0].shared.wire.closed
        e.give(first)
        assert e.ends[0].shared.wire.closed


async def test_a_connect_that_comes_about_after_the_endpoint_was_removed_is_closed() -> None:
    async with ends() as e:
        e.gate.clear()
        caller = e.call()
        await until(lambda: e.attempts)
        e.pool.close()
        await e.settle(caller)
        assert "the endpoint was removed" in str(caller.error)
        e.gate.set()
        await until(lambda: e.ends and e.ends[0].shared.wire.closed)


async def test_tunnels_have_connections_of_their_own() -> None:
    async with ends() as e:
        exchange = make_exchange()
        exchange.tunnel = True
        caller = e.call(exchange)
        await e.settle(caller)
        assert isinstance(caller.error, ConnectError)  # nobody listens on port 1
        assert e.attempts == 1 or not e.ends


async def test_thousands_who_wait_leave_at_once() -> None:
    async with ends(PoolSettings(max_size=1)) as e:
        e.gate.clear()
        callers = [e.call(seconds=inf) for _ in range(2_000)]
        await until(lambda: len(e.pool._line) == 2_000)
        for caller in callers:
            caller.task.cancel("all leave")  # type: ignore[union-attr]
        await e.settle(*callers)
        assert not e.pool._line


async def test_what_the_endpoint_says_unasked_ends_its_connection() -> None:
    async with ends() as e:
        first = e.call()
        await e.settle(first)
        e.give(first)
        e.ends[0].sock.send(data(99, b"x"))
        await until(lambda: e.pool.size == 0)
