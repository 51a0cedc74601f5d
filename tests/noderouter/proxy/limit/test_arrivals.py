"""Buckets of sources: beside an exact model, under strangers who make up sources, and how much they keep."""

import tracemalloc
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.proxy.limit.arrivals import SLACK, Arrivals
from tests.testing.examples import examples

START = 1_000_000.0
"""What a monotonic clock says after ten days."""


class Bucket:
    """A token bucket, exactly: tokens, and when they were counted."""

    def __init__(self, rate: Fraction, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = Fraction(burst), Fraction(START)

    def ask(self, now: Fraction) -> Fraction:
        """The tokens that are there."""
        self.tokens = min(Fraction(self.burst), self.tokens + (now - self.at) * self.rate)
        self.at = now
        return self.tokens


def ask(arrivals: Arrivals, key: int, now: float) -> bool:
    """Take a token, if there is one."""
    if arrivals.wait(key, now) > 0.0:
        return False
    arrivals.take(key, now)
    return True


def swept(arrivals: Arrivals, now: float) -> Arrivals:
    for _ in arrivals.sweep(now):
        pass
    return arrivals


@examples(300)
@given(
    rate=st.sampled_from([0.01, 0.3, 1.0, 7.0, 1000.0, 1e6]),
    burst=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 3), st.booleans()), max_size=100),
)
@example(rate=1.0, burst=1, steps=[(0.0, 1, False), (0.999, 1, False), (0.001, 1, True)])
def test_it_is_a_token_bucket_for_each_source(rate, burst, steps):
    arrivals = Arrivals(rate, burst, 10)
    model = {key: Bucket(Fraction(rate), burst) for key in (1, 2, 3)}
    now = START
    for passed, key, sweeps in steps:
        now += passed / rate  # so that refilling takes part, whatever the rate
        tokens = model[key].ask(Fraction(now))
        wait = arrivals.wait(key, now)
        assert wait <= burst / rate + 1e-6
        if wait:
            assert tokens < 1 + Fraction(1e-6)
            assert abs(Fraction(wait) * Fraction(rate) - (1 - tokens)) < Fraction(1, 1000) + Fraction(rate) / 10**8
        else:
            assert tokens > 1 - Fraction(rate) * Fraction(2e-8) - Fraction(1, 1000)
            arrivals.take(key, now)
            model[key].tokens -= 1
        if sweeps:
            swept(arrivals, now)


@examples(100)
@given(rate=st.floats(0.5, 100), burst=st.integers(1, 20), gaps=st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_more_than_the_burst_and_what_has_come_since(rate, burst, gaps):
    arrivals = Arrivals(rate, burst, 10)
    now, admitted = START, []
    for gap in gaps:
        now += gap
        if ask(arrivals, 7, now):
            admitted.append(now)
    for index, begin in enumerate(admitted):
        for count, end in enumerate(admitted[index:], start=1):
            assert count <= burst + (end - begin) * rate + 1e-5


def test_who_keeps_within_the_rate_is_never_refused():
    arrivals = Arrivals(10.0, 1, 10)
    assert all(ask(arrivals, 1, START + number / 10) for number in range(10_000))


def test_a_token_is_there_when_it_was_said_to_be():
    arrivals = Arrivals(0.2, 2, 10)
    assert [ask(arrivals, 1, START) for _ in range(3)] == [True, True, False]
    wait = arrivals.wait(1, START + 1)
    assert abs(wait - 4.0) < 1e-6
    assert arrivals.wait(1, START + 1 + wait + SLACK) == 0.0
    assert arrivals.wait(2, START) == 0.0


def test_only_full_buckets_are_forgotten():
    arrivals = Arrivals(1.0, 5, 1000)
    for key in range(1, 101):
        for _ in range(key % 5 + 1):
            assert ask(arrivals, key, START)
    assert len(swept(arrivals, START + 2.5)) == 60  # 1 or 2 tokens are back by now
    assert len(swept(arrivals, START + 5.5)) == 0


def test_who_makes_up_sources_gains_nothing_by_it():
    """Ten million names in a row: nobody's bucket is forgotten, and the newcomers have one together."""
    arrivals = Arrivals(0.001, 5, 1000)
    victim, attacker = 10**9, 10**9 + 1
    assert [ask(arrivals, key, START) for key in (victim, attacker) for _ in range(5)] == [True] * 10
    let_through = 0
    for number in (*range(1, 2001), *range(2001, 10_000_000, 100)):  # of those without a place a share tells as much
        let_through += ask(arrivals, number, START + number * 1e-5)
    assert len(arrivals) <= 1001
    assert let_through <= 998 + 5 + 1  # the places that were free, and one bucket for all others
    assert arrivals.shared == let_through - 998
    assert not ask(arrivals, victim, START + 100)
    assert not ask(arrivals, attacker, START + 100)
    # Who was there before is served as if nobody else was.
    assert ask(arrivals, victim, START + 1001)
    assert not ask(arrivals, 10**10, START + 100)
    # And newcomers are themselves again once the others' buckets are full.
    assert ask(swept(arrivals, START + 10_000), 10**10, START + 10_000)
    assert len(arrivals) == 1


def test_a_hundred_thousand_sources_take_so_much_memory():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        arrivals = Arrivals(0.001, 5, 100_000)
        for number in range(200_000):
            ask(arrivals, hash((None, f"10.0.{number >> 8}.{number & 255}")), START)
        assert len(arrivals) == 100_001
        assert tracemalloc.get_traced_memory()[0] - before < 16_000_000
        swept(arrivals, START + 100_000)
        assert len(arrivals) == 0
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()


def test_sweeping_rests_in_between():
    arrivals = Arrivals(1.0, 1, 100_000)
    for key in range(1, 10_001):
        ask(arrivals, key, START)
    steps = arrivals.sweep(START + 10)
    next(steps)
    assert len(arrivals) == 9500
    # What comes while it rests stays.
    ask(arrivals, 10_000, START + 10)
    ask(arrivals, 20_000, START + 10)
    for _ in steps:
        pass
    assert len(arrivals) == 2
