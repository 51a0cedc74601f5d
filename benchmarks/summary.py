"""From runs to figures: medians over rounds, and ratios taken round by round."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.results import Run

Figure = Callable[[Run], float | None]


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its extremes."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread | None":
        """Of these values; None where there are none."""
        ordered = sorted(values)
        return cls(median(ordered), ordered[0], ordered[-1]) if ordered else None


@dataclass(frozen=True, slots=True)
class Cell:
    """One proxy under one case, over all rounds. `errors` of any run make the whole cell a failure."""

    case: str
    proxy: str
    rounds: int
    cpu_us: Spread | None
    user_us: Spread | None
    system_us: Spread | None
    rps: Spread | None
    p50_us: Spread | None
    p99_us: Spread | None
    foreign: Spread | None
    steal: Spread | None
    errors: dict[str, int]


def cell(runs: Iterable[Run], case: str, proxy: str) -> Cell:
    """Sum up the runs of `proxy` under `case`."""
    mine = [run for run in runs if run.case == case and run.proxy == proxy]
    errors: dict[str, int] = {}
    for run in mine:
        for kind, count in run.errors.items():
            errors[kind] = errors.get(kind, 0) + count

    def spread(figure: Figure) -> Spread | None:
        return Spread.of(value for value in map(figure, mine) if value is not None)

    return Cell(
        case,
        proxy,
        len(mine),
        cpu_us=spread(lambda run: run.cpu_us),
        user_us=spread(lambda run: run.user_us),
        system_us=spread(lambda run: run.system_us),
        rps=spread(lambda run: run.rps),
        p50_us=spread(lambda run: run.p50_us),
        p99_us=spread(lambda run: run.p99_us),
        foreign=spread(lambda run: run.foreign),
        steal=spread(lambda run: run.steal),
        errors=errors,
    )


def ratio(runs: Iterable[Run], case: str, proxy: str, peer: str, figure: Figure) -> Spread | None:
    """`figure` of `proxy` over that of `peer`, taken in each round that has both; None where no round has.

    Rounds in which either of the two had errors do not count: what they measured is something else.
    """
    by_round: dict[int, dict[str, float]] = {}
    for run in runs:
        value = figure(run)
        if run.case == case and run.proxy in (proxy, peer) and value is not None and not run.errors:
            by_round.setdefault(run.round, {})[run.proxy] = value
    return Spread.of(
        pair[proxy] / pair[peer] for pair in by_round.values() if proxy in pair and pair.get(peer, 0.0) > 0
    )
