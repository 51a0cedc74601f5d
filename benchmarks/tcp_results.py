"""The tables and the bars of tunnels, from a report of `results`. The unit of streams is a megabyte there, so µs of CPU
for a unit are ms for a gigabyte.
"""

from typing import Final

from benchmarks.bars import US, Bar, times
from benchmarks.results import Report
from benchmarks.summary import Cell, cell, ratio
from benchmarks.tables import disturbance, middle, spread, table
from benchmarks.tcp_proxies import DECLARED, DIRECT, PROXIES
from benchmarks.tcp_run import CASES, CONNECTION, GB, Case

MAX_TIMES: Final = 1.3
PEERS: Final = ("haproxy", "haproxy splice-auto")
NAMES: Final = (US, DECLARED, *(name for name in PROXIES if name != US), DIRECT)
BARRED: Final = tuple(case.key for case in CASES if case.unit == GB)


def check(report: Report) -> list[Bar]:
    """CPU for a gigabyte beside HAProxy, as it comes and with `option splice-auto`; and no error of ours anywhere."""
    bars = [
        times(report, case, peer, "CPU per GB", MAX_TIMES, lambda run: run.cpu_us) for case in BARRED for peer in PEERS
    ]
    ours = [run for run in report.runs if run.proxy in (US, DECLARED)]
    errors = sum(sum(run.errors.values()) for run in ours)
    return [*bars, Bar("no error", f"{errors} errors", bool(ours) and not errors)]


def render(report: Report) -> str:
    """The facts, a table for each case, and the bars."""
    settings = report.settings
    versions = "\n".join(
        f"- {name}: {facts.version}" + (f" (not measured: {facts.missing})" if facts.missing else "")
        for name, facts in report.proxies.items()
    )
    facts = (
        f"Measured {report.date}: {settings['rounds']} rounds of {settings['seconds']:g} s per case and proxy, proxies "
        f"on core {settings['proxy_core']}, client and far end on core {settings['load_core']}; "
        f"tries at a disturbed run: {settings['attempts']}; all at nice {settings['nice']}.\n"
        f"Machine: {'; '.join(f'{key} {value}' for key, value in report.machine.items())}."
    )
    tables = [_case(report, case) for case in CASES if any(run.case == case.key for run in report.runs)]
    bars = "\n".join(f"- {bar}" for bar in check(report))
    return "\n\n".join([facts, versions, *tables, f"### Bars of tunnels\n\n{bars}"])


def _case(report: Report, case: Case) -> str:
    cells = [each for each in (cell(report.runs, case.key, name) for name in NAMES) if each.rounds]
    cpu = "CPU ms/GB" if case.unit == GB else f"CPU µs/{case.unit}"
    rate = "MB/s" if case.unit == GB else f"{case.unit}s/s"
    columns = ["", cpu, "user", "system", *(f"× {peer}" for peer in PEERS), rate]
    if case.unit != GB:
        columns += [f"{'first byte' if case.unit == CONNECTION else 'there and back'}, µs: p50", "p99"]
    failed = "".join(
        f"\n\n**Failed:** {each.proxy}: " + ", ".join(f"{count} {kind}" for kind, count in each.errors.items())
        for each in cells
        if each.errors
    )
    rows = [_row(report, each, case) for each in cells]
    return f"### `{case.key}`: {case.title}\n\n{table(columns, rows)}{failed}{disturbance(cells)}"


def _row(report: Report, each: Cell, case: Case) -> list[str]:
    ratios = [
        spread(ratio(report.runs, each.case, each.proxy, peer, lambda run: run.cpu_us), digits=2) for peer in PEERS
    ]
    digits = 0 if case.unit == GB else 1
    figures = [spread(each.cpu_us, digits=digits), middle(each.user_us, digits), middle(each.system_us, digits)]
    latencies = [] if case.unit == GB else [spread(each.p50_us), spread(each.p99_us)]
    return [each.proxy, *figures, *ratios, middle(each.rps), *latencies]
