"""How the router is doing, for the keeper: what it says of itself, and what was measured from outside of the data path.

The limits are the keeper's (`noderouter/interception/keeper/health_gate.py`).
"""

from collections.abc import Callable, Iterable
from typing import Final

from noderouter.interception.control.accept_queue import backlog_of
from noderouter.interception.control.probe import CapturePoint, Probe
from noderouter.interception.control.replies import printable
from noderouter.interception.keeper.protocol import Progress
from noderouter.reactor.host import Lag

MAX_WORDS: Final = 200
"""Of `not_ready`, in the protocol."""


class HealthReport:
    """Lag, backlog and probe of one router; `lag` and `probe` have tasks that whoever owns this runs."""

    def __init__(self, point: CapturePoint, missing: Callable[[], Iterable[str]]) -> None:
        """`missing` says in words what the router waits for before it can be given connections."""
        self.lag = Lag()
        self.probe = Probe(point)
        self._point = point
        self._missing = missing

    def not_ready(self) -> str:
        """What is missing, in words; empty if nothing is."""
        words = list(self._missing())
        if self.probe.succeeded_at is None:
            words.append(f"no probe of the capture port has come back: {self.probe.error}")
        elif backlog_of(self._point.listening) is None:
            words.append("the capture port is closed")
        return printable("; ".join(words), MAX_WORDS)

    def take(self) -> Progress:
        """How it is now; the lag is the worst since this was asked before."""
        backlog = backlog_of(self._point.listening)
        waiting, most = (0, 0) if backlog is None else (backlog.waiting, backlog.most)
        lag = int(self.lag.take() * 1000)
        return Progress(self.not_ready(), lag, waiting, most, self.probe.took_ms, self.probe.age_ms())
