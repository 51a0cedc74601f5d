"""Where spans, or records of a log, wait for their exporter: so many at most, and the newest stay."""

from collections import deque
from typing import Final, Generic, TypeVar

from noderouter.telemetry.tracing.span import Span

CAPACITY: Final = 8192
"""Spans; some 10 MB."""

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """Filled by the data path, which never waits, and emptied by the exporter."""

    __slots__ = ("_capacity", "_items", "dropped")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self.dropped = 0
        """Those that newer ones took the place of, ever."""

    def __repr__(self) -> str:
        return f"<Queue {len(self)}, {self.dropped} dropped>"

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Take one; the oldest leaves where there are too many."""
        if len(self._items) >= self._capacity:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)

    def take(self, most: int) -> list[Item]:
        """Hand over the oldest, so many at most."""
        items = self._items
        return [items.popleft() for _ in range(min(most, len(items)))]


SpanQueue = Queue[Span]
