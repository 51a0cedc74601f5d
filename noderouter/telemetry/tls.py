"""What is counted of the handshakes of one server, or of one client: by version, by cipher, by why they failed."""

from collections.abc import Sequence

from noderouter.reactor.tls_errors import REASONS
from noderouter.reactor.tls_session import TlsSession
from noderouter.telemetry.histogram import LATENCY
from noderouter.telemetry.tree import Scope


class TlsStats:
    """Counts below `tls` of a server or client, made when they are first needed."""

    __slots__ = ("_latency", "_scope")

    def __init__(self, scope: Scope, reasons: Sequence[str] = REASONS) -> None:
        """`scope` is that of the server or client. What fails for `reasons` is there from the start, with 0."""
        self._scope = scope.scope("tls")
        self._latency = self._scope.histogram("handshake_ms", LATENCY)
        for reason in reasons:
            self._scope.counter(f"failures/{reason}")

    def agreed(self, session: TlsSession, seconds: float) -> None:
        """Count a handshake that came to its end."""
        self._scope.counter(f"version/{session.version}").add()
        self._scope.counter(f"cipher/{session.cipher}").add()
        self._latency.add(seconds)

    def failed(self, reason: str) -> None:
        """Count one that did not, by a word of `REASONS`."""
        self._scope.counter(f"failures/{reason}").add()
