"""`socketOptions` of servers (docs/linkerd1.md section 2.9), and how long connections may live."""

from typing import ClassVar

from noderouter.proxy.listener.listener import SocketSettings
from noderouter.schema.fields import LimitMs, Milliseconds, Positive
from noderouter.schema.kind import Model

IDLE_MS = 600_000


class SocketOptions(Model):
    """Options of a listening socket and its connections; those that are left out keep their defaults."""

    section: ClassVar[str] = "socketOptions"

    noDelay: bool = True
    reuseAddr: bool = True
    reusePort: bool = False
    keepAlive: bool = True
    """Linkerd leaves it to the system; a router that keeps connections open has to notice dead peers."""
    backlog: Positive | None = None

    def build(self, *, transparent: bool = False) -> SocketSettings:
        """The settings of a socket; a `transparent` one takes connections to any address."""
        defaults = SocketSettings()
        return SocketSettings(
            no_delay=self.noDelay,
            reuse_address=self.reuseAddr,
            reuse_port=self.reusePort,
            keep_alive=self.keepAlive,
            transparent=transparent,
            backlog=defaults.backlog if self.backlog is None else self.backlog,
        )


class Session(Model):
    """`clientSession`: bounds of one connection; None is forever."""

    section: ClassVar[str] = "session"

    idleTimeMs: Milliseconds | None = None
    lifeTimeMs: Milliseconds | None = None


class ServerSession(Session):
    """`serverSession`: a client's connection that is not used for long is closed."""

    idleTimeMs: LimitMs | None = IDLE_MS
