"""The metrics of a text from outside the configuration.

    <prefix>in_effect, ...     what is in effect, and how often that changed
    <prefix>hash/<hash>        1, of the one in effect; in Prometheus the hash is a label

Compared over all nodes, the hash shows which of them have not got an edit.
"""

from time import time
from typing import Generic, TypeVar

from noderouter.naming.stored.stored import StoredText
from noderouter.telemetry.tree import Scope

T = TypeVar("T")


class StoredGauges(Generic[T]):
    """Keeps the metrics of one stored text registered."""

    def __init__(self, scope: Scope, stored: StoredText[T], prefix: str = "") -> None:
        """Names in `scope` begin with `prefix`."""
        self._hashes = scope.scope(f"{prefix}hash")
        self._stored = stored
        self._hash: str | None = None
        size = stored.language.size
        scope.gauge(f"{prefix}entries", lambda: float(0 if stored.value is None else size(stored.value)))
        scope.gauge(f"{prefix}in_effect", lambda: float(stored.value is not None))
        scope.gauge(f"{prefix}refused_now", lambda: float(stored.last_error is not None))
        scope.gauge(f"{prefix}age_seconds", lambda: time() - stored.applied_at if stored.applied_at else -1.0)
        scope.tally(f"{prefix}applied", lambda: stored.applied)
        scope.tally(f"{prefix}refused", lambda: stored.refused)
        self.update()

    def update(self) -> None:
        """Show the hash of what is in effect in place of the one before."""
        now = self._stored.hash
        if now == self._hash:
            return
        if self._hash is not None:
            self._hashes.scope(self._hash).prune()
        self._hash = now
        if now is not None:
            self._hashes.gauge(now, lambda: 1.0)
