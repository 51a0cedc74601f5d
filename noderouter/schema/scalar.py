"""What an unquoted word of the file means.

YAML 1.1 readers disagree about `on`, `0777`, `1:30`, `1_000` or `2020-01-01`, and people are surprised by all
of them. Here only the spellings that everybody reads alike are anything but text: `null`, `~`, `true`,
`false`, and decimal numbers. The rest stays text, and a key that wants a number or true/false refuses it.
"""

import re

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
FLOAT = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,30})?\.[0-9]{1,40}(?:[eE][-+]?[0-9]{1,2})?|[-+]?[1-9][0-9]{0,30}\.?[eE][-+]?[0-9]{1,2}"
)

_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}

NOT_BOOLEANS = {
    **dict.fromkeys(("yes", "on", "y"), "true"),
    **dict.fromkeys(("no", "off", "n"), "false"),
    "true": "true",
    "false": "false",
}
"""What text that is no boolean here was probably meant to be; by lower case."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def lone_surrogate(text: str) -> str | None:
    """Return what is wrong with text that an escape made unencodable; None where nothing is."""
    if text.isascii() or not (found := _SURROGATE.search(text)):
        return None
    return f"\\u{ord(found[0]):04x} is half a character"


def plain(text: str) -> object:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text
