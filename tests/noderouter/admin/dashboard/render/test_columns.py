"""Text in columns: harmless, as wide as it says, and never wider than it may be."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from noderouter.admin.dashboard.render.columns import apart, bars, clean, cut, left, plain, right, width, wrap
from tests.testing.dashboard import ATTACK


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = clean(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in shown)


def test_an_attack_is_text() -> None:
    assert "\x1b" not in clean(ATTACK)
    assert "\u202e" not in clean(ATTACK)
    assert "<script>" in clean(ATTACK)  # as it stands: this is no HTML
    assert clean("über/日本") == "über/日本"


@given(st.text(), st.integers(1, 100))
def test_cut_to_a_width(text: str, most: int) -> None:
    assert width(cut(clean(text), most)) <= most


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=("C",))), st.integers(10, 90))
def test_wrapped_lines_are_narrow_and_lose_nothing(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(len(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(), st.integers(2, 90))
def test_wrapped_lines_are_as_narrow_where_characters_are_wide(text: str, columns: int) -> None:
    shown = clean(text)
    lines = wrap(shown, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(shown.split())


def test_a_number_keeps_its_unit() -> None:
    assert wrap("a lot of 61 % is", 11) == ["a lot of", "61 % is"]
    assert wrap("", 10) == [""]


def test_wide_and_combining_characters() -> None:
    assert width("日本") == 4
    assert width("e\u0301") == 1
    assert width("\u2764\ufe0f") == 1
    assert wrap("日本日本日", 4) == ["日本", "日本", "日"]
    assert cut("日本日本", 5) == "日本…"
    assert (left("日", 4), right("日", 4)) == ("日  ", "  日")


def test_both_ends_of_a_line() -> None:
    assert apart("a", "b", 5) == "a   b"
    assert apart("abcdefgh", "b", 6) == "ab…  b"
    assert apart("abc", "") == "abc"


def test_bars() -> None:
    assert bars([0.0] * 30 + [10.0] * 30) == "▁▁▁▁▁█████"
    assert bars([None] * 54 + [5.0] * 6) == "         █"
    assert bars([]) == bars([None] * 60) == ""
    assert bars([0.1] * 60, floor=1.0) == "▁" * 10
    assert bars([0.0] * 60) == "▁" * 10


def test_plain_is_ascii() -> None:
    assert plain("─│├└→–…▁█日") == "-||`>-~_#?"
