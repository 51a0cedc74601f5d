"""`socketOptions` of servers (docs/linkerd1.md section 2.9)."""

from typing import ClassVar

from noderouter.proxy.listener.listener import SocketSettings
from noderouter.schema.fields import Positive
from noderouter.schema.kind import Model


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
