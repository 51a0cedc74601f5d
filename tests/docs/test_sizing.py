"""docs/sizing.md quotes docs/benchmarks.md: a new run of the benchmarks that says something else fails here."""

import re

import pytest

from tests.docs.guide import ROOT

SIZING = (ROOT / "docs/sizing.md").read_text()
BENCHMARKS = (ROOT / "docs/benchmarks.md").read_text()

ROUNDED = 0.15
"""How far a figure of the page may be from the one it is about, as a share."""

COSTS = re.findall(r"^\| [^|]+ \| (\d+) \| `(\w+@\d+)` \| (\d+) % \|", SIZING, re.MULTILINE)


def measured(case: str) -> float:
    """The CPU of one request in a case, in µs."""
    section = BENCHMARKS.partition(f"### `{case}`")[2]
    found = re.search(r"^\| noderouter \| ([\d.]+)", section, re.MULTILINE)
    assert found
    return float(found[1])


@pytest.mark.parametrize(("micros", "case", "percent"), COSTS)
def test_the_cost_of_a_request_is_the_one_that_was_measured(micros: str, case: str, percent: str) -> None:
    assert float(micros) == pytest.approx(measured(case), rel=ROUNDED)
    assert float(percent) == pytest.approx(float(micros) / 10, abs=0.5)


def test_the_memory_is_the_one_that_was_measured() -> None:
    idle, loaded = re.findall(r"^\| noderouter \|.* \| ([\d.]+) \| ([\d.]+) \|$", BENCHMARKS, re.MULTILINE)[0]
    few, many = re.findall(r"^\| (?:200|1000) \| 500/s of those routed \| (\d+)", BENCHMARKS, re.MULTILINE)
    told = re.findall(r"^\| (?:has|knows|routes)[^|]+ \| (\d+) \|", SIZING, re.MULTILINE)
    for mine, theirs in zip(told[:4], (idle, loaded, few, many), strict=True):
        assert float(mine) == pytest.approx(float(theirs), rel=ROUNDED)


def test_it_looks_at_all_kinds_of_requests() -> None:
    assert len(COSTS) == 5
