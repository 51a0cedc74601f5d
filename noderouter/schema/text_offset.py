r"""Where a character of a text value stands in the file.

A dtab in a file may be folded, indented or escaped, and its errors are offsets into the value. Reading drops
or changes only white space and escapes, so the n-th visible character of the value is the n-th visible
character in the file, where an escape counts as the one character that it stands for.
"""

from collections.abc import Iterator

from noderouter.schema.source import Mark

_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}
_BLANK_ESCAPES = " \tntrvfN_LP\r\n"


def offset_in_file(text: str, mark: Mark, value: str, offset: int) -> int:
    """Return the offset in the file of the first visible character of `value` at or behind `offset`.

    Args:
        text: the file.
        mark: where it holds `value`.
        value: what was read from there.
        offset: into `value`; its length means its end.
    """
    before = sum(not character.isspace() for character in value[:offset])
    last = mark.start
    for number, at in enumerate(_visible(text, mark)):
        if number == before:
            return at
        last = at + 1
    return last


def _visible(text: str, mark: Mark) -> Iterator[int]:
    """Yield the offsets of the visible characters of the scalar at `mark`."""
    at = mark.start
    while text[at : at + 1] in ("&", "!"):  # an anchor or a tag stands before the scalar itself
        while at < mark.end and not text[at].isspace():
            at += 1
        while at < mark.end and text[at].isspace():
            at += 1
    style = text[at : at + 1]
    end = mark.end
    if style in ("|", ">"):
        line_end = text.find("\n", at)
        at = line_end if line_end >= 0 else end
    elif style in ("'", '"'):
        at, end = at + 1, end - 1
    while at < end:
        length, blank = _step(text, at, style)
        if not blank:
            yield at
        at += length


def _step(text: str, at: int, style: str) -> tuple[int, bool]:
    """Return how many characters of the file stand for one of the value, and whether that is blank."""
    character, following = text[at], text[at + 1 : at + 2]
    if style == "'" and character == following == "'":
        return 2, False
    if style == '"' and character == "\\":
        return _ESCAPE_LENGTHS.get(following, 2), following in _BLANK_ESCAPES
    return 1, character.isspace()
