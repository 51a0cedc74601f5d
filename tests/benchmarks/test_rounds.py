import pytest

from benchmarks.cases import CASES, RATE_BASE, choose
from benchmarks.measure import Target
from benchmarks.rounds import maxima, rate_of, rotated, run_all

TARGETS = [Target("a", 1, None), Target("b", 2, None)]


def by_key(key):
    return next(case for case in CASES if case.key == key)


def test_every_round_starts_with_another_proxy():
    assert [[target.name for target in rotated(TARGETS, n)] for n in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_rates_are_half_of_medians(run):
    runs = [run("a", rps=rps, number=n) for n, rps in enumerate((900.0, 1000.0, 5000.0))]
    runs += [run("b", rps=200.0), run("c", rps=0.0), run("a", case="head1@1", rps=9.0)]
    rates = maxima(runs)
    assert rates == {"a": 1000.0, "b": 200.0}
    assert rate_of(by_key("half@16"), "a", rates) == 500.0
    assert rate_of(by_key("halfsame@16"), "a", rates) == 100.0
    assert rate_of(by_key("half@16"), "c", rates) is None
    assert rate_of(by_key("head1@16"), "a", rates) is None


def test_choosing_cases():
    assert [case.key for case in choose(["head1@16", "head14"])] == [
        "head1@16", "head14@1", "head14@16", "head14@32", "head14@64",
    ]  # fmt: skip
    assert [case.key for case in choose(["half"])] == [RATE_BASE, "half@16"]
    with pytest.raises(ValueError, match=r"no case 'head2'.*head14@32"):
        choose(["head2"])


def test_fixed_rates_come_after_what_they_are_taken_from(run):
    asked = []

    class Meter:
        def run(self, target, case, number, rate):
            asked.append((case.key, target.name, number, rate))
            return run(target.name, case.key, number, rps={"a": 1000.0, "b": 0.0}[target.name])

    seen = []
    run_all(Meter(), TARGETS, choose(["half"]), 2, seen.append)
    assert asked == [
        (RATE_BASE, "a", 0, None),
        (RATE_BASE, "b", 0, None),
        (RATE_BASE, "b", 1, None),
        (RATE_BASE, "a", 1, None),
        ("half@16", "a", 0, 500.0),
        ("half@16", "a", 1, 500.0),
    ]
    assert len(seen) == 6
