"""What strangers send, made harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.harmless import harmless


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain <b> größe 東京 \u00a0", "plain <b> größe 東京 \u00a0"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("sent by\r\na browser", "sent by\na browser"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[31m\x07\x00\x7f", "\\x1b[31m\\x07\\x00\\x7f"),
        ("\x9b31m\u202egnp.exe\u2028\ud800\ufeff", "\\x9b31m\\u202egnp.exe\\u2028\\ud800\\ufeff"),
    ],
)
def test_what_would_control_something_is_escaped(text: str, expected: str) -> None:
    assert harmless(text) == expected


@given(st.text())
def test_nothing_harmful_is_left_and_nothing_changes_twice(text: str) -> None:
    found = harmless(text)
    assert {unicodedata.category(char) for char in found if char not in "\n\t"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )
    assert harmless(found) == found
    found.encode("utf-8")
