"""What a measurement of discovery found: values that go to JSON and come back, their table, and the bars.

A bar passes only on figures that exist.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.bars import Bar

MAX_RSS_MB: Final = 120.0
MAX_P99_MS: Final = 100.0
BARRED: Final = 200
"""The number of routed names that the bar on memory is about."""


@dataclass(frozen=True, slots=True)
class Load:
    """The traffic as its clients saw it."""

    rps: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True, slots=True)
class Phase:
    """Some seconds of traffic, with changes or without."""

    title: str
    changes: float
    """Changes a second that the API made."""
    api_late_ms: float
    """How late it was with them itself (p99)."""
    connections: int
    """That the router had to it."""
    delays_ms: list[float]
    """From a change to the first answer from the new endpoint, in order."""
    lost: int
    """Changes that never arrived."""
    load: Load
    failed: int
    """Requests of the probing clients that failed."""
    cpu: float
    """Of the router, in cores."""
    rss_mb: float
    """The most that was seen."""
    waited: float
    """The share of the time in which the router could have run, and others had its core."""


@dataclass(frozen=True, slots=True)
class Case:
    """One router from its start to its end."""

    services: int
    routed: int
    round: int
    idle_mb: float
    """Before the first name."""
    bound_mb: float
    """With all names."""
    bound_s: float
    phases: list[Phase]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one invocation measured."""

    date: str
    machine: dict[str, str]
    settings: dict[str, Any]
    cases: list[Case]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Report":
        """Read what `save` wrote.

        Raises:
            ValueError: the file is not a report.
        """
        try:
            data = json.loads(file.read_text())
            cases = [
                Case(**each | {"phases": [Phase(**one | {"load": Load(**one["load"])}) for one in each["phases"]]})
                for each in data["cases"]
            ]
            return cls(data["date"], data["machine"], data["settings"], cases)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is not a report on discovery: {error!r}") from error


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ordered values lie; infinite where there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def check(report: Report) -> list[Bar]:
    """All bars: memory and errors over all rounds, delays at the median of the rounds."""
    bars = []
    for routed in sorted({case.routed for case in report.cases}):
        cases = [case for case in report.cases if case.routed == routed]
        phases = [phase for case in cases for phase in case.phases]
        errors = sum(phase.load.errors + phase.failed + phase.lost for phase in phases)
        answered = sum(phase.load.rps for phase in phases)
        bars.append(Bar(f"{routed} routed: no error", f"{errors} errors", not errors and answered > 0))
        if routed <= BARRED:
            most = max(phase.rss_mb for phase in phases)
            bars.append(Bar(f"{routed} routed: RSS <= {MAX_RSS_MB:g} MB", f"{most:.0f} MB", most <= MAX_RSS_MB))
        for title in dict.fromkeys(phase.title for phase in phases if phase.changes):
            late = [quantile(phase.delays_ms, 0.99) for phase in phases if phase.title == title]
            text = f"{median(late):.1f} ms ({min(late):.1f}-{max(late):.1f})"
            name = f"{routed} routed, {title}: event to balancer, p99 <= {MAX_P99_MS:g} ms"
            bars.append(Bar(name, text, median(late) <= MAX_P99_MS))
    return bars


def render(report: Report) -> str:
    """The facts, a table, and the bars."""
    settings = report.settings
    facts = (
        f"Measured {report.date}: {settings['services']} Services of {settings['endpoints']} endpoints in "
        f"{settings['namespaces']} namespaces; {settings['rounds']} rounds, each phase of {settings['seconds']} s; "
        f"{settings['rps']:g} requests/s over all routed names; scheduled as {settings['policy']}.\n"
        f"Machine: {'; '.join(f'{key} {value}' for key, value in report.machine.items())}."
    )
    bars = "\n".join(f"- {bar}" for bar in check(report))
    return f"{facts}\n\n{_table(report)}\n\n### Bars of discovery\n\n{bars}"


def _table(report: Report) -> str:
    columns = (
        "routed", "changes", "RSS, MB", "router CPU, % of a core", "event to first answer, ms: p50", "p99", "worst",
        "traffic, ms: p50", "p99", "waited for its core, %",
    )  # fmt: skip
    rows = [columns, ["---"] * len(columns)]
    for routed in sorted({case.routed for case in report.cases}):
        phases = [phase for case in report.cases if case.routed == routed for phase in case.phases]
        rows += [
            _row(routed, title, [phase for phase in phases if phase.title == title])
            for title in dict.fromkeys(phase.title for phase in phases)
        ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(routed: int, title: str, phases: Sequence[Phase]) -> list[str]:
    def shown(figure: Callable[[Phase], float], digits: int = 1) -> str:
        return _spread(map(figure, phases), digits)

    late = ["–"] * 3
    if phases[0].changes:
        late = [shown(lambda phase, at=at: quantile(phase.delays_ms, at)) for at in (0.5, 0.99, 1.0)]  # type: ignore[misc]
    return [
        str(routed),
        f"{median(phase.changes for phase in phases):.0f}/s {title}" if phases[0].changes else title,
        shown(lambda phase: phase.rss_mb, 0),
        shown(lambda phase: phase.cpu * 100, 0),
        *late,
        shown(lambda phase: phase.load.p50_ms),
        shown(lambda phase: phase.load.p99_ms),
        shown(lambda phase: phase.waited * 100),
    ]


def _spread(values: Iterable[float], digits: int) -> str:
    ordered = sorted(values)
    middle, low, high = (f"{value:.{digits}f}" for value in (median(ordered), ordered[0], ordered[-1]))
    return middle if low == high else f"{middle} ({low}–{high})"
