"""An event as it waits for its exporter: plain, and never large."""

import sys
from pathlib import Path
from typing import Any

import pytest

from noderouter.telemetry.tracing.event import FIELDS, ITEMS, LONG, TRACEBACK, event_of
from tests.testing.ended import ATTACK


def fields_of(**fields: Any) -> dict[str, Any]:
    return event_of({"event": "a.b", "level": "info", "logger": "x"} | fields, 7).fields


def test_what_every_line_has_is_no_field() -> None:
    logged = {"event": "dtab.invalid", "level": "warning", "logger": "noderouter.naming", "timestamp": "…", "line": 3}
    assert event_of(logged, 7) == (7, "noderouter.naming", "warning", "dtab.invalid", {"line": 3})


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (True, True),
        (3, 3),
        (1 << 63, str(1 << 63)),  # OTLP has no such number
        (-(1 << 63), -(1 << 63)),
        (0.5, 0.5),
        ("text", "text"),
        (ATTACK, ATTACK),
        ("\udcff", "\\udcff"),  # what Python makes of a name of a file that is no UTF-8
        (b"\xff", "b'\\xff'"),
        (Path("/a"), "/a"),
        ([1, "a", None], [1, "a", "None"]),
        (("a", Path("/b")), ["a", "/b"]),
        ({"a": 1}, "{'a': 1}"),
        ("l" * (LONG + 1), "l" * LONG + "…"),
        (["l"] * (ITEMS + 1), ["l"] * ITEMS),
        (["l" * (LONG + 1)] * 2, ["l" * LONG + "…"]),
        (["l" * (LONG - 1), "xyz", "z"], ["l" * (LONG - 1), "x…"]),
    ],
)
def test_values_are_plain_and_bounded(value: object, made: object) -> None:
    found = fields_of(value=value)["value"]
    assert found == made
    assert type(found) is type(made)


def test_what_is_null_is_left_out_and_fields_are_few() -> None:
    assert fields_of(reason=None) == {}
    assert len(fields_of(**{f"k{number}": number for number in range(100)})) == FIELDS


def raised(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_an_exception_says_what_and_where() -> None:
    error = raised("no such thing")
    try:
        raise error
    except ValueError:
        ways = [fields_of(exc_info=said) for said in (error, True, sys.exc_info())]
    for found in ways:
        assert (found["exception.type"], found["exception.message"]) == ("ValueError", "no such thing")
        assert found["exception.stacktrace"].startswith("Traceback")
        assert found["exception.stacktrace"].endswith("ValueError: no such thing\n")
    assert fields_of(exc_info=True) == fields_of(exc_info=None) == fields_of(exc_info=(None, None, None)) == {}


def test_of_a_long_traceback_the_end_is_kept() -> None:
    found = fields_of(exc_info=raised("x" * 100_000 + "\udcff"))
    assert len(found["exception.stacktrace"]) <= TRACEBACK + len("\\udcff")
    assert found["exception.stacktrace"].endswith("x\\udcff\n")
    assert found["exception.message"] == "x" * LONG + "…"
