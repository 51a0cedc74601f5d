"""Text in columns: how wide it is, cut, wrapped and drawn. What comes from strangers is made harmless here.

A terminal obeys control bytes, and some of what is written from right to left; so nothing of the kind leaves `clean`.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 80
BARS: Final = "▁▂▃▄▅▆▇█"
_MARKS: Final = frozenset({"Mn", "Me"})
"""They stand on the character before them."""
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str) -> str:
    """Return the text without control characters, invisible ones, and those that turn the direction of writing."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if unicodedata.category(char) not in _HARMFUL)


def width(text: str) -> int:
    """Return how many columns a clean text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(char) in _MARKS else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def cut(text: str, most: int) -> str:
    """Return the text, or its beginning and an ellipsis where it is wider than `most`."""
    if width(text) <= most:
        return text
    return _beginning(text, most - 1) + "…"


def _beginning(text: str, columns: int) -> str:
    """Return as much of the text as so many columns have room for."""
    taken = 0
    for at, char in enumerate(text):
        taken += width(char)
        if taken > columns:
            return text[:at]
    return text


def left(text: str, columns: int) -> str:
    """Return the text filled up with blanks behind it."""
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """Return the text filled up with blanks before it."""
    return " " * (columns - width(text)) + text


def apart(first: str, last: str, columns: int = WIDTH) -> str:
    """Return both in one line, at its two ends; where that is too narrow the first one is cut."""
    last = cut(last, columns * 2 // 3)
    first = cut(first, max(1, columns - width(last) - 2)) if last else cut(first, columns)
    return first + " " * (columns - width(first) - width(last)) + last if last else first


def wrap(text: str, columns: int) -> list[str]:
    """Return the words in lines; a number keeps its unit beside it, a word that is too long is cut apart."""
    columns = max(columns, 1)
    lines: list[str] = []
    line = ""
    words = text.split()
    place = 0
    while place < len(words):
        word = words[place]
        if place + 1 < len(words) and word[-1].isdigit() and words[place + 1].strip(".,;:)") in ("%", "s", "ms"):
            place += 1
            word = f"{word} {words[place]}"
        place += 1
        while width(word) > columns:
            if line:
                lines.append(line)
                line = ""
            piece = _beginning(word, columns) or word[0]
            lines.append(piece)
            word = word[len(piece) :]
        if line and width(line) + 1 + width(word) > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line or not lines else lines


def bars(values: Sequence[float | None], columns: int = 10, floor: float = 0.0) -> str:
    """Return a line of bars from 0 up to the highest value, or to `floor` if that is higher; a blank is no value."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    size = max(1, len(values) // columns)
    means: list[float | None] = []
    for start in range(0, len(values), size):
        some = [value for value in values[start : start + size] if value is not None]
        means.append(sum(some) / len(some) if some else None)
    top = max([floor, *(mean for mean in means if mean is not None)]) or 1.0
    return "".join(" " if mean is None else BARS[min(7, int(mean / top * 7.99))] for mean in means)


_PLAIN: Final = str.maketrans(
    {
        "─": "-", "│": "|", "├": "|", "└": "`", "→": ">", "–": "-", "…": "~", "×": "x",
        **dict(zip(BARS, "_.,:-=+#", strict=True)),
    }
)  # fmt: skip


def plain(text: str) -> str:
    """Return the text in ASCII alone; what has no likeness there is a question mark."""
    return text.translate(_PLAIN).encode("ascii", "replace").decode()
