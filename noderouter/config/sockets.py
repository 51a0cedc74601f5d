"""`socketOptions` of servers and clients (spec section 2.9)."""

from typing import ClassVar

from noderouter.config.fields import Milliseconds, Positive
from noderouter.config.kind import Model


class SocketOptions(Model):
    """Options of TCP sockets; those that are left out keep their defaults."""

    section: ClassVar[str] = "socketOptions"

    noDelay: bool = True
    reuseAddr: bool = True
    reusePort: bool = False
    readTimeoutMs: Milliseconds | None = None
    writeTimeoutMs: Milliseconds | None = None
    keepAlive: bool = True
    """Linkerd leaves it to the system; a router that keeps connections open has to notice dead peers."""
    backlog: Positive | None = None
