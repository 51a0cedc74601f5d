"""The metrics of a dtab from outside the configuration.

    rt/<label>/interpreter/dtab_...            what is in effect, and how often that changed
    rt/<label>/interpreter/dtab_hash/<hash>    1, of the one in effect; in Prometheus the hash is a label

Compared over all nodes, the hash shows which of them have not got an edit.
"""

from time import time

from noderouter.naming.interpreter.stored import StoredDtab
from noderouter.telemetry.tree import Scope


class DtabGauges:
    """Keeps the metrics of one router's stored dtab registered."""

    def __init__(self, scope: Scope, stored: StoredDtab) -> None:
        """`scope` is that of the interpreter."""
        self._hashes = scope.scope("dtab_hash")
        self._stored = stored
        self._hash: str | None = None
        scope.gauge("dtab_entries", lambda: float(len(stored.dtab or ())))
        scope.gauge("dtab_in_effect", lambda: float(stored.dtab is not None))
        scope.gauge("dtab_refused_now", lambda: float(stored.last_error is not None))
        scope.gauge("dtab_age_seconds", lambda: time() - stored.applied_at if stored.applied_at else -1.0)
        scope.tally("dtab_applied", lambda: stored.applied)
        scope.tally("dtab_refused", lambda: stored.refused)
        self.update()

    def update(self) -> None:
        """Show the hash of the dtab in effect in place of the one before."""
        now = self._stored.hash
        if now == self._hash:
            return
        if self._hash is not None:
            self._hashes.scope(self._hash).prune()
        self._hash = now
        if now is not None:
            self._hashes.gauge(now, lambda: 1.0)
