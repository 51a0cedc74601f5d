"""Reads JSON (RFC 8259) into a tree that knows its places, and as strictly as YAML is read: no repeated keys."""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]

from noderouter.schema.scalar import lone_surrogate
from noderouter.schema.source import DEEPEST, MOST_NODES, Block, Items, Mark, Source, Unreadable

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"[A-Za-z_]+")
_LONGEST_NUMBER = 40


def parse_json(source: Source) -> tuple[object, Mark]:
    """Parse `source`; repeated keys are reported there and the first is kept.

    Raises:
        Unreadable: it is not JSON.
    """
    reader = _Reader(source)
    value, mark = reader.node(reader.skip(0), "", 0)
    end = reader.skip(mark.end)
    if end < len(source.text):
        raise Unreadable(end, "not JSON: something follows the value")
    return value, mark


class _Reader:
    """Recursive descent over the text; each method takes an offset and returns a value with its mark."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._nodes = 0

    def skip(self, at: int) -> int:
        """Return the offset behind white space."""
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def node(self, at: int, path: str, depth: int) -> tuple[object, Mark]:
        """Parse the value that begins at `at`."""
        self._nodes += 1
        if depth > DEEPEST:
            raise Unreadable(at, f"nested deeper than {DEEPEST} levels")
        if self._nodes > MOST_NODES:
            raise Unreadable(at, f"more than {MOST_NODES} values")
        match self._text[at : at + 1]:
            case "{":
                return self._block(at, path, depth)
            case "[":
                return self._items(at, path, depth)
            case '"':
                text, end = self._string(at)
                return text, Mark(at, end)
            case _:
                return self._word(at)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self._text, at + 1, True)
        except json.JSONDecodeError as exc:
            raise Unreadable(exc.pos, f"not JSON: {exc.msg[0].lower()}{exc.msg[1:]}") from exc
        if half := lone_surrogate(text):
            raise Unreadable(at, f"not JSON: {half}")
        return text, end

    def _word(self, at: int) -> tuple[object, Mark]:
        if found := _NUMBER.match(self._text, at):
            if len(found[0]) > _LONGEST_NUMBER:
                raise Unreadable(at, "a number of too many digits")
            value = float(found[0]) if found[1] or found[2] else int(found[0])
            return value, Mark(at, found.end())
        if (found := _WORD.match(self._text, at)) and found[0] in _WORDS:
            return _WORDS[found[0]], Mark(at, found.end())
        raise Unreadable(at, "not JSON: a value expected")

    def _items(self, at: int, path: str, depth: int) -> tuple[Items, Mark]:
        items = Items(Mark(at, at + 1))
        here = self.skip(at + 1)
        more = self._text[here : here + 1] != "]"
        if not more:
            here += 1
        while more:
            value, mark = self.node(here, f"{path}[{len(items)}]", depth + 1)
            items.append(value)
            items.items_at.append(mark)
            here, more = self._after(mark.end, "]")
        items.mark = Mark(at, here)
        return items, items.mark

    def _block(self, at: int, path: str, depth: int) -> tuple[Block, Mark]:
        block = Block(Mark(at, at + 1))
        here = self.skip(at + 1)
        more = self._text[here : here + 1] != "}"
        if not more:
            here += 1
        while more:
            here, more = self._after(self._member(block, here, path, depth), "}")
        block.mark = Mark(at, here)
        return block, block.mark

    def _member(self, block: Block, at: int, path: str, depth: int) -> int:
        """Parse `"key": value` into `block`; return the offset behind it."""
        if self._text[at : at + 1] != '"':
            raise Unreadable(at, "not JSON: a key in double quotes expected")
        key, end = self._string(at)
        colon = self.skip(end)
        if self._text[colon : colon + 1] != ":":
            raise Unreadable(colon, "not JSON: ':' expected")
        below = f"{path}.{key}" if path else key
        value, mark = self.node(self.skip(colon + 1), below, depth + 1)
        if key in block:
            self._source.report_repeated(block, key, Mark(at, end), below)
        else:
            block[key] = value
            block.keys_at[key] = Mark(at, end)
            block.values_at[key] = mark
        return mark.end

    def _after(self, at: int, closing: str) -> tuple[int, bool]:
        """Return the offset behind `closing`, or that of the next member and True."""
        at = self.skip(at)
        found = self._text[at : at + 1]
        if found == closing:
            return at + 1, False
        if found != ",":
            raise Unreadable(at, f"not JSON: ',' or '{closing}' expected")
        return self.skip(at + 1), True
