"""What a page was asked for: parameters of the query, checked. What is wrong is a 400 that says what would be right."""

from collections.abc import Mapping, Sequence
from typing import Final

Query = Mapping[str, str]

MOST_ROWS: Final = 5_000
"""Rows of one table, whatever is asked for."""


class BadQuery(Exception):
    """A parameter that makes no sense; the text says which values do."""


class Full(Exception):
    """As many ask for it as may; the text says how many those are."""


class NotThere(Exception):
    """What was asked for by name is not there; `nearest` are names that are."""

    def __init__(self, what: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.nearest = tuple(nearest)


def choice(query: Query, name: str, options: Sequence[str]) -> str:
    """Return the parameter, one of `options`; empty where it is not given."""
    value = query.get(name, "")
    if value and value not in options:
        raise BadQuery(f"{name}: one of {', '.join(options)}, not {value[:80]!r}")
    return value


def number(query: Query, name: str, default: int, least: int, most: int) -> int:
    """Return the parameter, a whole number within bounds."""
    value = query.get(name, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most):
        raise BadQuery(f"{name}: a whole number from {least} to {most}, not {value[:80]!r}")
    return int(value)


def words(query: Query, name: str = "q") -> list[str]:
    """Return the words of a filter, in lower case."""
    return query.get(name, "").lower().split()
