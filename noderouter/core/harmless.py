r"""Text of strangers, as it may be shown: nothing in it controls a terminal, or turns the direction of writing.

What would do so stands there as its escape, such as `\x1b` or `\u202e`, so that one sees that something was there. The
dashboard's pages of text, whose columns are narrow, leave it out instead (`render.columns`).
"""

import re
import unicodedata
from typing import Final

_SUSPECT: Final = re.compile(r"[^\x20-\x7e\n\t]")
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def harmless(text: str) -> str:
    """Return the text with such characters escaped; ends of lines and tabs stay, the former as line feeds."""
    if text.isprintable():
        return text
    return _SUSPECT.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in _HARMFUL else char
