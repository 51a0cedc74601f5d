"""Settings by patterns of names: every entry that matches applies, later keys override earlier ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dtab import Path, PathMatcher
from noderouter.schema.partial import Partial, PrefixEntry, overlay


class Inner(Partial):
    x: int = 1
    y: int = 2


class Entry(PrefixEntry):
    a: int = 0
    b: int = 0
    inner: Inner = Inner()


BASE: dict[str, Any] = {"a": 10, "b": 20, "inner": {"x": 30, "y": 40}}


def entry(prefix: str, **keys: object) -> Entry:
    return Entry.model_validate({"prefix": prefix, **keys})


def test_single_keys_are_overridden_in_order() -> None:
    entries = [entry("/svc", a=1, b=1), entry("/svc/*", b=2), entry("/other", a=9), entry("/svc/{x}.y", a=3)]
    assert overlay(BASE, entries, Path.of("svc")) == {**BASE, "prefix": entries[0].prefix, "a": 1, "b": 1}
    found = overlay(BASE, entries, Path.of("svc", "z"))
    assert (found["a"], found["b"]) == (1, 2)
    found = overlay(BASE, entries, Path.of("svc", "z.y", "more"))
    assert (found["a"], found["b"]) == (3, 2)
    assert overlay(BASE, entries, Path.of("nobody")) == BASE


def test_parts_of_a_partial_count_one_by_one() -> None:
    entries = [entry("/", inner={"x": 5}), entry("/", inner={"y": 6})]
    assert overlay(BASE, entries, Path.of("svc"))["inner"] == {"x": 5, "y": 6}


def test_a_default_that_is_written_down_counts_and_one_without_a_value_does_not() -> None:
    entries = [entry("/", a=1), entry("/", a=0, b=None)]
    found = overlay(BASE, entries, Path.of("svc"))
    assert (found["a"], found["b"]) == (0, 20)


def test_only_what_the_file_gave_is_shown() -> None:
    shown = entry("/svc/{x}", inner={"y": 6}).model_dump()
    assert shown == {"prefix": "/svc/{x}", "inner": {"y": 6}}
    matcher = PathMatcher("/svc")
    assert Entry.model_validate({"prefix": matcher}).prefix is matcher
    assert Entry.model_validate(shown).given() == {"prefix": PathMatcher("/svc/{x}"), "inner": Inner(y=6)}


@pytest.mark.parametrize(
    ("prefix", "message"),
    [(5, "expected text"), ("", "'/' expected but end of input found"), ("/a/{b", "label char or {name} expected")],
)
def test_prefixes_that_are_no_pattern(prefix: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Entry.model_validate({"prefix": prefix})


KEYS = st.fixed_dictionaries({}, optional={"a": st.integers(0, 5), "b": st.integers(0, 5)})


@given(st.lists(st.tuples(st.sampled_from(["/svc", "/svc/a", "/b", "/*/a"]), KEYS), max_size=6))
def test_equals_a_naive_evaluation(drawn: list[tuple[str, dict[str, int]]]) -> None:
    entries = [entry(prefix, **keys) for prefix, keys in drawn]
    for name in (Path.of("svc"), Path.of("svc", "a"), Path.of("b", "a")):
        expected = {"a": 10, "b": 20}
        for prefix, keys in drawn:
            if PathMatcher(prefix).match(name) is not None:
                expected |= keys
        found = overlay(BASE, entries, name)
        assert {key: found[key] for key in expected} == expected
