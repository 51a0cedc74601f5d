"""How numbers are written.

Covers `view.py`, `contents.py`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.admin.dashboard.contents import CONTENTS
from noderouter.admin.dashboard.numbers import (
    count,
    duration,
    milliseconds,
    percent,
    plural,
    rate,
    seconds,
    shade,
    written,
)
from noderouter.admin.dashboard.view import Column, Kind, Row, State, Table, filled


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (100.0, "100"), (99.999999, "99.99"), (99.996, "99.99"), (99.0, "99.00"), (98.99, "98.9"),
        (82.8, "82.8"), (82.89, "82.8"), (0.0, "0.0"),
    ],
)  # fmt: skip
def test_success_is_cut_off(value: float | None, shown: str) -> None:
    assert percent(value) == shown


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_hundred_means_that_nothing_failed(good: int, bad: int) -> None:
    assert percent(100.0 * good / (good + bad)) != "100"


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0.04, "0.0"), (9.94, "9.9"), (9.96, "10"), (88.4, "88")])
def test_milliseconds(value: float | None, shown: str) -> None:
    assert milliseconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.0, "0.0"), (0.01, "<0.1"), (48.2, "48.2"), (999.94, "999.9"), (1562.4, "1562")]
)
def test_rates(value: float | None, shown: str) -> None:
    assert rate(value) == shown


def test_words() -> None:
    assert seconds(2410) == "2.41 s"
    assert seconds(180) == "180 ms"
    assert seconds(None) == "–"
    assert count(4120) == "4,120"
    shown = [duration(value) for value in (-1, 42, 200, 7500, 273_600)]
    assert shown == ["0 s", "42 s", "3 min", "2 h 5 min", "3 d 4 h"]
    assert plural(1, "dentry", "dentries") == "1 dentry"
    assert plural(2, "dentry", "dentries") == "2 dentries"
    assert plural(2000, "service") == "2,000 services"


def test_a_cell_is_written_by_its_kind() -> None:
    assert written(Kind.PERCENT, 99.999) == "99.99"
    assert written(Kind.MS, None) == "–"
    assert written(Kind.NAME, "/svc/a") == "/svc/a"
    assert written(Kind.LINE, (1.0, None)) == ""
    assert written(Kind.RATE, 0.3) == "0.3"


def test_what_a_cell_says_alone() -> None:
    assert [shade(Kind.PERCENT, value) for value in (98.9, 99.0, 99.9, None)] == [State.BAD, State.WARN, None, None]
    assert [shade(Kind.MS, value) for value in (999.0, 1000.0)] == [None, State.WARN]
    assert shade(Kind.RATE, 10_000.0) is None


def test_columns_in_which_nothing_stands_leave() -> None:
    columns = (Column("a", "a"), Column("b", "b"), Column("c", "c"))
    rows = (Row("1", {"a": "", "b": None, "c": ""}), Row("2", {"a": "", "b": 0, "c": ""}))
    assert [each.key for each in filled(Table("t", "T", columns, rows))] == ["a", "b"]
    assert [each.key for each in filled(Table("t", "T", columns, ()))] == ["a", "b", "c"]


def test_every_view_has_a_key_of_its_own() -> None:
    assert len({each.key for each in CONTENTS}) == len(CONTENTS) == len({each.path for each in CONTENTS})
