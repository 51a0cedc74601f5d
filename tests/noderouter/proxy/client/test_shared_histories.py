"""Random histories of one shared pool: whatever callers and endpoints do, the counts are right and the line is kept.

Where everything has come to rest: what is taken is what callers hold, nobody waits while there is room, nobody was
served before somebody who came earlier and still waits, and there are no more connections than there may be. A caller
never gets more than the endpoint allows (`shared_ends.Ends.call` looks).
"""

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.errors import ConnectError, OverloadError
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.reactor.errors import Cancelled
from tests.noderouter.proxy.client.shared_ends import Ends, ends, refused
from tests.testing.examples import examples
from tests.testing.http2 import goaway

STEPS = ("call", "call", "call", "give", "give", "leave", "allow", "goaway", "end", "refuse", "hold up", "sweep")
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), min_size=5, max_size=40)


async def play(e: Ends, step: str, number: int) -> None:
    """Do one step, with one of those that it can be done to."""
    live = [each for each in e.ends if not each.shared.ending]
    match step:
        case "call":
            e.call()
        case "give" if e.holding:
            e.give(e.holding[number % len(e.holding)])
        case "leave" if e.waiting:
            task = e.waiting[number % len(e.waiting)].task
            assert task is not None
            task.cancel("the client has left")
        case "allow" if live:
            await live[number % len(live)].allow(number // 2)
        case "goaway" if live:
            await live[number % len(live)].say(goaway(2**31 - 1))
        case "end" if live:
            await live[number % len(live)].leave()
        case "refuse":
            e.failing = refused() if number % 2 else None
        case "hold up":
            e.gate.clear() if number % 2 else e.gate.set()
        case "sweep":
            e.pool.sweep(1e9 if number == 0 else 0.0)


def check(e: Ends, most: int) -> None:
    """See the module."""
    pool = e.pool
    live = list(pool.connections)
    for each in [end.shared for end in e.ends]:
        assert each.taken == sum(caller.shared is each for caller in e.holding)
        assert each in pool.connections or each.wire.closed
        assert each.taken or not each.ending or each.wire.closed
    assert pool.size == len(live) + pool._connecting == e.stats.connections
    assert sum(not each.ending for each in live) + pool._connecting <= most
    waiting = e.waiting
    assert len(waiting) == len(pool._line)
    if waiting:
        assert all(each.taken >= each.room for each in live)
        assert pool._connecting or pool._full() or pool._shut()
        held_later = [each.number for each in e.holding if each.number > waiting[0].number]
        assert not held_later, "somebody was overtaken"


@examples(60)
@given(history=steps, most=st.integers(1, 3))
async def test_counts_are_right_and_the_line_is_kept(history: list[tuple[str, int]], most: int) -> None:
    async with ends(PoolSettings(max_size=most, max_waiters=6)) as e:
        for step, number in history:
            await play(e, step, number)
            await e.quiet()
            check(e, most)
        expected = (ConnectError, OverloadError, Cancelled, EOFError)
        assert all(each.error is None or isinstance(each.error, expected) for each in e.callers)
