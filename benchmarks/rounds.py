"""The rotation: all proxies stay alive, and every round gives each of them one short run of every case.

Machines drift within minutes; runs that lie seconds apart are comparable, so ratios are taken per round. Each
round starts with another proxy, so that none is always the first after a change of case.
"""

from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

from benchmarks.cases import RATE_BASE, Case, Pace
from benchmarks.measure import Meter, Target
from benchmarks.results import Run

Progress = Callable[[Run], None]
T = TypeVar("T")


def rotated(targets: Sequence[T], number: int) -> list[T]:
    """The order of `targets` in this round."""
    turn = number % len(targets)
    return [*targets[turn:], *targets[:turn]]


def run_all(
    meter: Meter, targets: Sequence[Target], cases: Sequence[Case], rounds: int, progress: Progress
) -> list[Run]:
    """All runs of all rounds.

    The fixed-rate cases come in rounds of their own, after those that say what the rates are.
    """
    runs: list[Run] = []
    for chosen in (
        [case for case in cases if case.pace is Pace.CLOSED],
        [case for case in cases if case.pace is not Pace.CLOSED],
    ):
        rates = maxima(runs)
        for number in range(rounds):
            for case in chosen:
                for target in rotated(targets, number):
                    rate = rate_of(case, target.name, rates)
                    if rate is None and case.pace is not Pace.CLOSED:
                        continue
                    run = meter.run(target, case, number, rate)
                    runs.append(run)
                    progress(run)
    return runs


def maxima(runs: Sequence[Run]) -> dict[str, float]:
    """Each proxy's median requests/s in the case that rates are taken from; nothing where it answered nothing."""
    names = {run.proxy for run in runs if run.case == RATE_BASE}
    rates = {name: median(run.rps for run in runs if run.case == RATE_BASE and run.proxy == name) for name in names}
    return {name: rate for name, rate in rates.items() if rate > 0}


def rate_of(case: Case, name: str, rates: dict[str, float]) -> float | None:
    """The fixed rate at which `case` loads the proxy; None for closed-loop cases, or where no maximum is known."""
    if case.pace is Pace.HALF_OWN and name in rates:
        return rates[name] / 2
    if case.pace is Pace.HALF_SAME and name in rates:
        return min(rates.values()) / 2
    return None
