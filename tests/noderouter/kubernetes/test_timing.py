"""Pauses grow, vary, end at a bound, and listen to the server."""

from random import Random

from noderouter.kubernetes.timing import Pauses, Timing


def made():
    return Pauses(Timing(first_pause=0.01, longest_pause=1.0), Random(1))


def test_they_double_up_to_the_longest():
    pauses = made()
    found = [pauses.next() for _ in range(20)]
    for step, pause in enumerate(found):
        whole = min(1.0, 0.01 * 2**step)
        assert whole / 2 <= pause <= whole
    assert len(set(found)) == 20


def test_they_begin_anew():
    pauses = made()
    for _ in range(10):
        pauses.next()
    pauses.reset()
    assert pauses.next() <= 0.01


def test_retry_after_counts_within_bounds():
    assert 3 <= made().next(3.0) <= 3.75
    assert 12 <= made().next(3600.0) <= 15
    assert made().next(0.0) <= 0.01
