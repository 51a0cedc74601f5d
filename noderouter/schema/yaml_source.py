"""Reads YAML into a tree that knows its places.

Built on the event stream of PyYAML (libyaml where it is there), not on its constructors: so that words mean
what `scalar` says, keys cannot repeat, tags construct nothing, and aliases cannot expand without bound.
"""

import re
from typing import Any

import yaml

from noderouter.schema.scalar import lone_surrogate, plain
from noderouter.schema.source import DEEPEST, MOST_NODES, Block, Items, Mark, Source, Unreadable

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


def parse_yaml(source: Source) -> tuple[object, Mark]:
    """Parse the one document of `source`; repeated keys are reported there and the first is kept.

    Raises:
        Unreadable: it is no YAML, or none that is accepted here.
    """
    if found := _UNPRINTABLE.search(source.text):
        raise Unreadable(found.start(), f"the character {found[0]!r}, which YAML does not allow")
    loader = _Loader(source.text)
    try:
        return _Reader(source, loader).document()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        problem = exc.problem or exc.context or "not readable"
        if "'\\t'" in problem or _is_tab(source.text, mark):
            problem = "a tab; YAML is indented with spaces"
        elif problem.startswith("mapping values are not allowed"):
            problem = "': ' is not allowed here; put the text in quotes, or mind the indentation"
        raise Unreadable(mark.index if mark else 0, f"not YAML: {problem}") from exc
    finally:
        loader.dispose()


def _is_tab(text: str, mark: Any) -> bool:
    return mark is not None and text[mark.index : mark.index + 1] == "\t"


class _Reader:
    """Builds the tree from events, depth first."""

    def __init__(self, source: Source, loader: Any) -> None:
        self._source = source
        self._loader = loader
        self._nodes = 0
        self._anchors: dict[str, tuple[object, Mark, int]] = {}
        self._unfinished: set[str] = set()

    def document(self) -> tuple[object, Mark]:
        """Read everything; a second document is refused."""
        next_event = self._loader.get_event
        next_event()  # StreamStart
        if isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
            return None, Mark(0, 0)
        next_event()  # DocumentStart
        value, mark = self._node("", 0)
        next_event()  # DocumentEnd
        following = next_event()
        if not isinstance(following, yaml.StreamEndEvent):
            raise Unreadable(following.start_mark.index, "a second document; a file holds one")
        return value, mark

    def _node(self, path: str, depth: int) -> tuple[object, Mark]:
        event = self._loader.get_event()
        mark = Mark(event.start_mark.index, event.end_mark.index)
        if depth > DEEPEST:
            raise Unreadable(mark.start, f"nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, mark)
        self._count(1, mark)
        if event.anchor is None:
            return self._value(event, mark, path, depth), mark
        before = self._nodes
        self._unfinished.add(event.anchor)  # an alias to it inside would be endless
        value = self._value(event, mark, path, depth)
        mark = mark if isinstance(event, yaml.ScalarEvent) else Mark(mark.start, mark.start)
        self._unfinished.discard(event.anchor)
        self._anchors[event.anchor] = (value, mark, self._nodes - before + 1)
        return value, mark

    def _value(self, event: Any, mark: Mark, path: str, depth: int) -> object:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, mark)
        if event.tag not in (None, "!"):
            raise Unreadable(mark.start, f"the tag {event.tag[:60]}; tags are not supported")
        begin = Mark(mark.start, mark.start)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(begin, path, depth)
        return self._block(begin, path, depth)

    def _scalar(self, event: Any, mark: Mark) -> object:
        if event.tag not in _TEXT_TAGS:
            raise Unreadable(mark.start, f"the tag {event.tag[:60]}; tags are not supported")
        if half := lone_surrogate(event.value):
            raise Unreadable(mark.start, f"not YAML: {half}")
        return event.value if event.style or event.tag is not None else plain(event.value)

    def _items(self, mark: Mark, path: str, depth: int) -> Items:
        items = Items(mark)
        while not isinstance(self._loader.peek_event(), yaml.SequenceEndEvent):
            value, at = self._node(f"{path}[{len(items)}]", depth + 1)
            items.append(value)
            items.items_at.append(at)
        self._loader.get_event()
        return items

    def _block(self, mark: Mark, path: str, depth: int) -> Block:
        block = Block(mark)
        while not isinstance(self._loader.peek_event(), yaml.MappingEndEvent):
            key, at = self._key()
            below = f"{path}.{key}" if path else key
            value, value_at = self._node(below, depth + 1)
            if key in block:
                self._source.report_repeated(block, key, at, below)
                continue
            block[key] = value
            block.keys_at[key] = at
            block.values_at[key] = value_at
        self._loader.get_event()
        return block

    def _key(self) -> tuple[str, Mark]:
        """Return a key, as text whatever it looks like."""
        event = self._loader.get_event()
        mark = Mark(event.start_mark.index, event.end_mark.index)
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable(mark.start, "a key must be a plain word")
        if half := lone_surrogate(event.value):
            raise Unreadable(mark.start, f"not YAML: {half}")
        if event.value == "<<" and not event.style:
            raise Unreadable(mark.start, "merge keys (<<) are not supported; repeat the keys, or alias the whole value")
        self._count(1, mark)
        return event.value, mark

    def _alias(self, anchor: str | None, mark: Mark) -> tuple[object, Mark]:
        if anchor in self._unfinished:
            raise Unreadable(mark.start, f"the value of &{anchor} contains itself")
        known = self._anchors.get(anchor or "")
        if known is None:
            raise Unreadable(mark.start, f"the alias *{anchor} has no anchor before it")
        value, at, size = known
        self._count(size, mark)
        return value, at

    def _count(self, more: int, mark: Mark) -> None:
        self._nodes += more
        if self._nodes > MOST_NODES:
            raise Unreadable(mark.start, f"more than {MOST_NODES} values, those repeated by aliases included")
