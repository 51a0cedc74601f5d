"""WindowedSum against a list of everything that was ever added."""

from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.retry.window import SLICES, WindowedSum


class Naive:
    """Keeps every amount with the number of its slice."""

    def __init__(self, window_s):
        self.width = window_s / SLICES
        self.added = []
        self.latest = float("-inf")

    def slice_of(self, now):
        self.latest = max(self.latest, now // self.width)
        return self.latest

    def add(self, amount, now):
        self.added.append((self.slice_of(now), amount))

    def sum(self, now):
        current = self.slice_of(now)
        return sum(amount for number, amount in self.added if number > current - SLICES)


steps = st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 20)), max_size=60)


@given(steps, st.sampled_from([0, 1, 1000, 123456]))
def test_equals_the_naive_sum(steps, start):
    # Quarter seconds and windows of 10 s are exact in binary, so both agree on which slice a time lies in.
    window, naive = WindowedSum(10.0), Naive(10.0)
    now = float(start)
    for step, amount in steps:
        now += step / 4
        window.add(amount, now)
        naive.add(amount, now)
        assert window.sum(now) == naive.sum(now)
    now += 3.5
    assert window.sum(now) == naive.sum(now)


@given(st.floats(0, 1e6), st.floats(0.1, 3600))
def test_counts_for_nine_tenths_of_the_window_and_no_longer_than_all_of_it(now, window_s):
    window = WindowedSum(window_s)
    window.add(7, now)
    assert window.sum(now + 0.89 * window_s) == 7
    assert window.sum(now + 1.01 * window_s) == 0


def test_a_clock_that_steps_back_forgets_nothing():
    window = WindowedSum(10.0)
    window.add(1, 100.0)
    window.add(1, 90.0)
    assert window.sum(80.0) == 2


def test_clear():
    window = WindowedSum(10.0)
    window.add(1, 100.0)
    window.add(1, 102.0)
    window.clear()
    assert window.sum(102.0) == 0
