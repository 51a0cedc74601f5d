"""How numbers are written, wherever they are: by one rule each, so that no two forms of a page disagree.

Success is cut off and never rounded up: 99.996 is 99.99, and 100 means that nothing failed. Absent is an en dash, and
never 0.
"""

from math import floor
from typing import Final

from noderouter.admin.dashboard.view import LINES, Cell, Kind, State

NONE: Final = "–"


def percent(value: float | None) -> str:
    """Return percent of success: two decimals from 99 on, one below, cut off."""
    if value is None:
        return NONE
    if value >= 100:
        return "100"
    places = 100 if value >= 99 else 10
    # What binary fractions lose of 82.8 must not cut it to 82.7; what is not a success must not become one.
    cut = min(floor(value * places + 1e-6), 100 * places - 1) / places
    return f"{cut:.2f}" if places == 100 else f"{cut:.1f}"


def milliseconds(value: float | None) -> str:
    """Return milliseconds: one decimal below 10, none above."""
    if value is None:
        return NONE
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def rate(value: float | None) -> str:
    """Return a rate for each second: one decimal below 1000, and something for what is not nothing."""
    if value is None:
        return NONE
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.0f}" if value >= 999.95 else f"{value:.1f}"


def count(value: float | None) -> str:
    """Return a whole number, with a comma for each thousand."""
    return NONE if value is None else f"{value:,.0f}"


def seconds(ms: float | None) -> str:
    """Return milliseconds as a sentence has them: seconds with two decimals from a second on."""
    if ms is None:
        return NONE
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{milliseconds(ms)} ms"


def duration(value: float) -> str:
    """Return seconds in two units at most: `42 s`, `3 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, int(value))
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def plural(number: int, one: str, many: str = "") -> str:
    """Return a number and its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def written(kind: Kind, value: Cell) -> str:
    """Return a cell as text; lines are drawn by whoever shows them."""
    if kind in LINES or isinstance(value, tuple):
        return ""
    if isinstance(value, str):
        return value
    match kind:
        case Kind.WHY if value is None:
            return ""
        case Kind.PERCENT:
            return percent(value)
        case Kind.MS:
            return milliseconds(value)
        case Kind.RATE:
            return rate(value)
        case _:
            return count(value)


def shade(kind: Kind, value: Cell) -> State | None:
    """Return what a cell alone has to say: below 99 percent is bad, below 99.9 to be looked at, a second is slow."""
    if not isinstance(value, int | float):
        return None
    if kind is Kind.PERCENT:
        return State.BAD if value < 99 else State.WARN if value < 99.9 else None
    return State.WARN if kind is Kind.MS and value >= 1000 else None
