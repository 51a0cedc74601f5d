"""`serverSession` and `clientSession`: how long a connection may live."""

from typing import ClassVar

from noderouter.schema.fields import LimitMs, Milliseconds
from noderouter.schema.kind import Model

IDLE_MS = 600_000


class Session(Model):
    """Bounds of one connection; None is forever."""

    section: ClassVar[str] = "session"

    idleTimeMs: Milliseconds | None = None
    lifeTimeMs: Milliseconds | None = None


class ServerSession(Session):
    """Of clients' connections: one that is not used for long is closed."""

    idleTimeMs: LimitMs | None = IDLE_MS
