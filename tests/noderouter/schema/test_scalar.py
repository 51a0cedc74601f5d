"""What unquoted words mean: only what everybody reads alike is anything but text."""

import pytest

from noderouter.schema.scalar import lone_surrogate, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-1", -1),
        ("+7", 7),
        ("4140", 4140),
        ("0.5", 0.5),
        (".5", 0.5),
        ("-0.25", -0.25),
        ("1.5e3", 1500.0),
        ("2e3", 2000.0),
    ],
)
def test_values(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("on", "off", "yes", "no", "y", "True", "FALSE", "Null"),
        *("0777", "0o17", "0x1F", "0b1", "1_000", "1:30", "2020-01-01", "1e999", "1.2.3", "1."),
        *(".inf", "-.inf", ".nan", "nan", ".", "=", "१२"),
        "9" * 19,
        "1 ",
    ],
)
def test_surprises_stay_text(text: str) -> None:
    assert plain(text) == text


def test_half_characters() -> None:
    assert lone_surrogate("plain") is None
    assert lone_surrogate("é😀") is None
    assert lone_surrogate("é\ud800") == "\\ud800 is half a character"
