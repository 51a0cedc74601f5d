"""One page of a list, read object by object (sans-io).

A page may be megabytes, and JSON is parsed in the thread that carries the traffic. So its head is parsed first and its
items one at a time; whoever walks through them can rest in between. The API writes `metadata` before `items`; a page
of any other form is parsed at once.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from noderouter.kubernetes.errors import MalformedAnswer

_ITEMS: Final = '"items":'
_HEAD_CHARACTERS: Final = 4096
_decoder = json.JSONDecoder()

Object = dict[str, Any]


class Page:
    """A parsed head, and items that are parsed as they are asked for."""

    def __init__(self, body: bytes) -> None:
        """Parse the head.

        Raises:
            MalformedAnswer: this is no list of the API.
        """
        try:
            self._text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedAnswer("a list is not UTF-8") from error
        self._at = -1
        self._items: list[Any] = []
        head = self._head()
        metadata = head.get("metadata") if isinstance(head, dict) else None
        if not isinstance(metadata, dict):
            raise MalformedAnswer("a list without metadata")
        self.version = str(metadata.get("resourceVersion") or "")
        """The version of the collection: where a watch goes on from."""
        self.next_page = str(metadata.get("continue") or "")
        """What to ask for the page after this one with; empty on the last."""

    def __iter__(self) -> Iterator[Object]:
        """Yield the objects.

        Raises:
            MalformedAnswer: the page breaks off, or holds something else.
        """
        for item in self._items if self._at < 0 else self._decoded():
            if not isinstance(item, dict):
                raise MalformedAnswer("a list has an item that is not an object")
            yield item

    def _head(self) -> Any:
        """Return everything but the items, where they come last; else the whole page."""
        at = self._text.find(_ITEMS, 0, _HEAD_CHARACTERS)
        if at >= 0:
            start = at + len(_ITEMS)
            try:
                head = json.loads(self._text[:at].rstrip().rstrip(",") + "}")
            except ValueError:
                head = None
            if isinstance(head, dict) and "metadata" in head and self._text[start : start + 1] == "[":
                self._at = start + 1
                return head
        try:
            whole = json.loads(self._text)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswer(f"a list is not JSON: {self._text[:80]!r}") from error
        items = whole.get("items") if isinstance(whole, dict) else None
        if items is not None and not isinstance(items, list):
            raise MalformedAnswer("the items of a list are no list")
        self._items = items or []
        return whole

    def _decoded(self) -> Iterator[Any]:
        text, at = self._text, self._at
        try:
            if text[at : at + 1] == "]":
                return
            while True:
                item, at = _decoder.raw_decode(text, at)
                yield item
                if text[at] == "]":
                    return
                if text[at] != ",":
                    raise MalformedAnswer("a list breaks off between two items")
                at += 1
        except (ValueError, IndexError, RecursionError) as error:
            raise MalformedAnswer("a list breaks off within an item") from error
