"""`serverSession` and `clientSession`: how long a connection may live."""

from typing import ClassVar

from noderouter.config.fields import Milliseconds
from noderouter.config.kind import Model


class Session(Model):
    """Bounds of one connection; None is forever."""

    section: ClassVar[str] = "session"

    idleTimeMs: Milliseconds | None = None
    lifeTimeMs: Milliseconds | None = None
