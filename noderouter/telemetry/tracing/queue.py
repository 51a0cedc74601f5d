"""Where spans wait for their exporter: so many at most, and the newest stay."""

from collections import deque
from typing import Final

from noderouter.telemetry.tracing.span import Span

CAPACITY: Final = 8192
"""Spans; some 10 MB."""


class SpanQueue:
    """Filled by the data path, which never waits, and emptied by the exporter."""

    __slots__ = ("_capacity", "_spans", "dropped")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._spans: deque[Span] = deque()
        self.dropped = 0
        """Spans that newer ones took the place of, ever."""

    def __repr__(self) -> str:
        return f"<SpanQueue {len(self)} spans, {self.dropped} dropped>"

    def __len__(self) -> int:
        return len(self._spans)

    def put(self, span: Span) -> None:
        """Take a span; the oldest leaves where there are too many."""
        if len(self._spans) >= self._capacity:
            self._spans.popleft()
            self.dropped += 1
        self._spans.append(span)

    def take(self, most: int) -> list[Span]:
        """Hand over the oldest spans, so many at most."""
        spans = self._spans
        return [spans.popleft() for _ in range(min(most, len(spans)))]
