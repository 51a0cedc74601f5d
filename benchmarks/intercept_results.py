"""What `benchmarks.intercept` measured: the report, its table and its bars."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.bars import Bar

OPEN: Final = "both killed"
"""The slowest way to fail open that does not depend on what hangs where: only the kernel is left."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is measured; `bar` in seconds, and whether it may fail requests."""

    key: str
    title: str
    bar: float
    may_fail: bool = False


CASES: Final = (
    Case("new pod", "a pod runs → its first captured connection", 1.0),
    Case("opted in", "label `enabled` → its last direct connection", 1.0),
    Case("opted out", "label `disabled` → its last captured connection", 1.0),
    Case("drained", "router: SIGTERM → last connection that is not direct", 1.0),
    Case("killed", "router: kill -9 → the same", 3.0, may_fail=True),
    Case(OPEN, "router and keeper: kill -9 → the same", 3.0, may_fail=True),
    Case("hangs", "router: SIGSTOP → first direct connection", 3.0),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: on a node with this kind of rules, `failed` of so many requests."""

    kind: str
    case: str
    seconds: float
    requests: int
    failed: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one invocation measured."""

    date: str
    machine: dict[str, str]
    settings: dict[str, Any]
    runs: list[Run]

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
            return cls(data["date"], data["machine"], data["settings"], [Run(**run) for run in data["runs"]])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is not a report on interception: {error!r}") from error

    def kinds(self) -> list[str]:
        """The kinds of rules, in the order in which they were measured."""
        return list(dict.fromkeys(run.kind for run in self.runs))

    def of(self, kind: str, case: str) -> list[Run]:
        """All rounds of one cell."""
        return [run for run in self.runs if (run.kind, run.case) == (kind, case)]


def check(report: Report) -> list[Bar]:
    """No round of any kind took longer than it may, and nothing failed where nothing may."""
    bars = []
    for case in CASES:
        runs = [run for run in report.runs if run.case == case.key]
        worst = max((run.seconds for run in runs), default=float("inf"))
        said = f"{worst:.2f} s at worst in {len(runs)} rounds" if runs else "not measured"
        bars.append(Bar(f"{case.key}: <= {case.bar:g} s", said, worst <= case.bar))
    failed = sum(run.failed for run in report.runs for case in CASES if case.key == run.case and not case.may_fail)
    return [*bars, Bar("nothing fails but where somebody is killed", f"{failed} requests failed", failed == 0)]


def render(report: Report) -> str:
    """The facts, a table, and the bars."""
    facts = (
        f"Measured {report.date}: {report.settings['rounds']} rounds on each kind; median (least–greatest), ms.\n"
        f"Machine: {'; '.join(f'{key} {value}' for key, value in report.machine.items())}."
    )
    kinds = report.kinds()
    rows = [["", *kinds], ["---"] * (len(kinds) + 1)]
    rows += [[case.title, *(_cell(report.of(kind, case.key), case) for kind in kinds)] for case in CASES]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    bars = "\n".join(f"- {bar}" for bar in check(report))
    return f"{facts}\n\n{table}\n\n### Bars of interception\n\n{bars}"


def _cell(runs: Sequence[Run], case: Case) -> str:
    if not runs:
        return "–"
    shown = _spread(run.seconds * 1000 for run in runs)
    if not case.may_fail:
        return shown
    failed = _spread(run.failed for run in runs)
    return f"{shown}; {failed} of {median(run.requests for run in runs):.0f} requests failed"


def _spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    middle, low, high = (f"{value:.0f}" for value in (median(ordered), ordered[0], ordered[-1]))
    return middle if low == high else f"{middle} ({low}–{high})"
