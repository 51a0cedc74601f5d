"""How a watch is doing: what the admin interface shows and the metrics count (docs/linkerd1.md section 7.4)."""

from dataclasses import dataclass
from time import gmtime, monotonic, strftime, time
from typing import Any

from noderouter.kubernetes.replica import Counts


@dataclass(slots=True, eq=False)
class WatchHealth:
    """The record of one watch. Times are of the wall clock, 0 where it has not happened yet."""

    name: str
    counts: Counts
    request: str = ""
    """The last request, list or watch."""
    requested_at: float = 0.0
    response: str = ""
    """How it was answered."""
    answered_at: float = 0.0
    streaming: bool = False
    stream_started_at: float = 0.0
    stream_ended_at: float = 0.0
    heard_at: float = 0.0
    """The last word of the API: a list, an event, a bookmark."""
    heard: str = ""
    """Its type."""
    restarts: int = 0
    """How often a watch was opened again."""
    failures: int = 0
    error: str | None = None
    """Why it does not work at the moment."""
    failing_since: float | None = None
    """Since when, by the monotonic clock."""
    _heard: float | None = None

    def asked(self, request: str) -> None:
        """Note that a request is sent."""
        self.request = request
        self.requested_at = time()

    def answered(self, response: str) -> None:
        """Note that its response begins."""
        self.response = response
        self.answered_at = time()

    def opened(self) -> None:
        """Note that a watch streams."""
        self.restarts += 1 if self.stream_started_at else 0
        self.streaming = True
        self.stream_started_at = time()

    def ended(self) -> None:
        """Note that it does not any more."""
        if self.streaming:
            self.streaming = False
            self.stream_ended_at = time()

    def said(self, what: str) -> None:
        """Note that data came from the API: the watch works."""
        self.heard = what
        self.heard_at = time()
        self._heard = monotonic()
        self.error = None
        self.failing_since = None

    def failed(self, reason: str) -> bool:
        """Note a failure; return whether it is new."""
        news = self.error is None
        self.failures += 1
        self.error = reason
        if self.failing_since is None:
            self.failing_since = monotonic()
        return news

    def failing_seconds(self) -> float:
        """Return for how long it has not worked."""
        return 0.0 if self.failing_since is None else monotonic() - self.failing_since

    def age(self) -> float:
        """Return the seconds since the last data of the API; -1 where there was none."""
        return -1.0 if self._heard is None else monotonic() - self._heard

    def state(self) -> dict[str, Any]:
        """Return the state as Linkerd showed it, followed by what it did not show."""
        return {
            "request": self.request,
            "lastRequestAt": shown(self.requested_at),
            "response": self.response or None,
            "lastResponseAt": shown(self.answered_at),
            "lastStreamStartAt": shown(self.stream_started_at),
            "lastStreamData": self.heard or None,
            "lastStreamDataAt": shown(self.heard_at),
            "lastStreamEndAt": shown(self.stream_ended_at),
            "streaming": self.streaming,
            "ageSeconds": round(self.age(), 3) if self._heard is not None else None,
            "restarts": self.restarts,
            "lists": self.counts.lists,
            "events": self.counts.events,
            "ignored": self.counts.ignored,
            "failures": self.failures,
            "error": self.error,
        }


def shown(at: float) -> str | None:
    """Return a time as Linkerd wrote it: `yyyy-MM-dd HH:mm:ss Z`."""
    return strftime("%Y-%m-%d %H:%M:%S +0000", gmtime(at)) if at else None
