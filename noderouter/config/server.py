"""One entry of `servers`: where a router listens and what it does to every request there (spec section 2.5)."""

from typing import Annotated, ClassVar

from noderouter.config.capture import CaptureConfig
from noderouter.config.fields import Count, FieldName, Ip, LimitMs, Port, Positive
from noderouter.config.kind import Field, Model, kind_field
from noderouter.config.session import ServerSession
from noderouter.config.sockets import SocketOptions
from noderouter.filter.forwarded_label import LabelKind

DEFAULT_IP = "127.0.0.1"
DEFAULT_PORT = 4140

_LABEL = kind_field(LabelKind, "noderouter.filter")


class ForwardedHeader(Model):
    """`addForwardedHeader`: how the `Forwarded` field names the two ends of the connection."""

    section: ClassVar[str] = "addForwardedHeader"

    by: Annotated[LabelKind, _LABEL] = Field(default_factory=_LABEL.maker("requestRandom"))
    for_: Annotated[LabelKind, _LABEL] = Field(default_factory=_LABEL.maker("requestRandom"), alias="for")


class ServerConfig(Model):
    """A listener."""

    section: ClassVar[str] = "server"

    ip: Ip = DEFAULT_IP
    port: Port = DEFAULT_PORT
    socketOptions: SocketOptions = SocketOptions()
    maxConcurrentRequests: Positive | None = None
    maxConnectionsPerClient: Positive | None = None
    """None is half of all places."""
    clearContext: bool = False
    serverSession: ServerSession = ServerSession()
    bodyIdleTimeoutMs: LimitMs = 60_000
    """Without a byte of a request's body, or without one of a response that the client reads."""
    tunnelIdleTimeoutMs: LimitMs = 3_600_000
    """Without a byte either way, behind CONNECT or an upgrade."""
    addForwardedHeader: ForwardedHeader | None = None
    timestampHeader: FieldName | None = None
    maxCallDepth: Count = 1000
    capture: CaptureConfig | None = None
