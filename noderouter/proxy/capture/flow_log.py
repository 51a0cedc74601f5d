"""Logs why captured connections were reset, since their clients cannot be answered."""

from collections.abc import Callable
from logging import WARNING
from time import monotonic
from typing import Any, Final, Protocol

from noderouter.core.exchange import Exchange

EVERY_SECONDS: Final = 1.0
"""At most one line in so many seconds; the next has the number of those left out."""


class Log(Protocol):
    """See `core.background.Log`."""

    def __call__(self, level: int, event: str, /, **fields: Any) -> None: ...


class FlowLog:
    """The log of one router's."""

    __slots__ = ("_explain", "_label", "_log", "_next", "_unsaid")

    def __init__(self, label: str, explain: Callable[[Exchange, Exception], Exception], log: Log) -> None:
        """`explain` may replace an error by one with what is needed to mend it."""
        self._label = label
        self._explain = explain
        self._log = log
        self._next = 0.0
        self._unsaid = 0

    def tell(self, exchange: Exchange, error: Exception) -> None:
        """A flow was reset before it was through."""
        now = monotonic()
        if now < self._next:
            self._unsaid += 1
            return
        self._next = now + EVERY_SECONDS
        unsaid, self._unsaid = self._unsaid, 0
        self._log(
            WARNING,
            "flow.failed",
            router=self._label,
            name=None if exchange.name is None else exchange.name.show(),
            destination=(exchange.destination or b"").decode("latin-1"),
            reason=str(self._explain(exchange, error)),
            unsaid=unsaid,
        )
