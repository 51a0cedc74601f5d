"""`capture` of a server: it takes connections that rules of the node's packet filter send to it."""

from typing import Annotated, ClassVar, Literal

from noderouter.proxy.identifier.kind import IdentifierKind
from noderouter.schema.fields import Milliseconds, NotEmpty, OneOrMore
from noderouter.schema.kind import Field, Model, Several, kind_field

_IDENTIFIER = kind_field(IdentifierKind, "noderouter.proxy.identifier")


class CaptureConfig(Model):
    """How captured connections are named, and how long things may take."""

    section: ClassVar[str] = "capture"

    identifier: Annotated[Several[Annotated[IdentifierKind, _IDENTIFIER]], OneOrMore, NotEmpty] = Field(
        default_factory=lambda: (_IDENTIFIER.maker("io.l5d.originalDst")(),)
    )
    """Names what is neither HTTP/1 nor HTTP/2: whole connections."""
    http2: Literal["requests", "flows"] = "requests"
    """Whether each request of HTTP/2 is routed, or whole connections are, as they are."""
    hostMismatch: Literal["destination", "host", "refuse"] = "destination"
    detectTimeoutMs: Milliseconds = 500
    idleTimeoutMs: Milliseconds = 3_600_000
    transparent: bool = False
