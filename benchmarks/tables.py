"""A report as Markdown, and the place in docs/benchmarks.md where it goes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.bars import check
from benchmarks.cases import CASES
from benchmarks.results import Report
from benchmarks.summary import Cell, Spread, cell, ratio

BEGIN = "<!-- benchmarks:begin -->"
END = "<!-- benchmarks:end -->"
NOTHING = "–"


def render(report: Report) -> str:
    """All tables of `report`."""
    parts = [_facts(report), _startup(report)]
    parts += [_case(report, case.key, case.title) for case in CASES if any(r.case == case.key for r in report.runs)]
    bars = "\n".join(f"- {bar}" for bar in check(report))
    return "\n\n".join([*parts, f"### Bars\n\n{bars}"])


def update(file: Path, report: Report) -> None:
    """Put the tables between the markers of `file`.

    Raises:
        ValueError: the markers are not there, once each and in order.
    """
    place(file, render(report), (BEGIN, END))


def place(file: Path, what: str, markers: tuple[str, str]) -> None:
    """Put `what` between two markers of `file`.

    Raises:
        ValueError: the markers are not there, once each and in order.
    """
    first, last = markers
    head, begin, rest = file.read_text().partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end or first in tail or last in tail:
        raise ValueError(f"{file} must hold {first} and then {last}, once each")
    file.write_text(f"{head}{first}\n\n{what}\n\n{last}{tail}")


def _facts(report: Report) -> str:
    settings = report.settings
    machine = "; ".join(f"{key} {value}" for key, value in report.machine.items())
    versions = "\n".join(
        f"- {name}: {facts.version}" + (f" (not measured: {facts.missing})" if facts.missing else "")
        for name, facts in report.proxies.items()
    )
    return (
        f"Measured {report.date}: {settings['rounds']} rounds of {settings['seconds']} s per case and proxy, "
        f"proxies on core {settings['proxy_core']}, load generator and backend on core {settings['load_core']}.\n"
        f"Machine: {machine}.\n\n{versions}"
    )


def _startup(report: Report) -> str:
    rows = []
    for name, facts in report.proxies.items():
        if facts.missing is None:
            ready, served = Spread.of(facts.ready_s), Spread.of(facts.served_s)
            memory = [f"{mb:.1f}" if mb is not None else NOTHING for mb in (facts.rss_idle_mb, facts.rss_loaded_mb)]
            rows.append([name, spread(ready, 1e3), spread(served, 1e3), *memory])
    columns = ("", "ready, ms", "first request served, ms", "RSS idle, MB", "RSS after the load, MB")
    return "### Start and memory\n\n" + table(columns, rows)


def _case(report: Report, case: str, title: str) -> str:
    cells = [cell(report.runs, case, name) for name in [*report.proxies, "direct"]]
    rows = [_row(report, each) for each in cells if each.rounds]
    columns = ("", "CPU µs/request", "user", "system", "requests/s", "p50 µs", "p99 µs", "CPU × haproxy", "CPU × envoy")
    failed = "".join(
        f"\n\n**Failed:** {each.proxy} had errors: "
        + ", ".join(f"{count} {kind}" for kind, count in each.errors.items())
        for each in cells
        if each.errors
    )
    return f"### `{case}`: {title}\n\n{table(columns, rows)}{failed}{disturbance(cells)}"


def _row(report: Report, each: Cell) -> list[str]:
    ratios = [
        spread(ratio(report.runs, each.case, each.proxy, peer, lambda run: run.cpu_us), digits=2)
        for peer in ("haproxy", "envoy")
    ]
    return [
        each.proxy,
        spread(each.cpu_us, digits=1),
        middle(each.user_us, 1),
        middle(each.system_us, 1),
        middle(each.rps),
        middle(each.p50_us),
        spread(each.p99_us),
        *ratios,
    ]


def disturbance(cells: Iterable[Cell]) -> str:
    foreign = max((each.foreign.high for each in cells if each.foreign), default=0.0)
    steal = max((each.steal.high for each in cells if each.steal), default=0.0)
    return f"\n\nWorst run: {foreign:.0%} of a core used by others, {steal:.0%} taken by the host."


def middle(spread: Spread | None, digits: int = 0) -> str:
    return NOTHING if spread is None else f"{spread.middle:.{digits}f}"


def spread(spread: Spread | None, factor: float = 1.0, digits: int = 0) -> str:
    if spread is None:
        return NOTHING
    middle, low, high = (f"{value * factor:.{digits}f}" for value in (spread.middle, spread.low, spread.high))
    return middle if low == high else f"{middle} ({low}–{high})"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
