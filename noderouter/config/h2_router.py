"""A router whose protocol is h2: the keys that no other has (docs/linkerd1.md section 2.4)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from noderouter.config.access_log import KEYS, LogPath, LogRollPolicy, LogRotateCount, LogSample
from noderouter.config.router import IDENTIFIER, RouterConfig
from noderouter.config.server import H2ServerConfig
from noderouter.proxy.identifier.kind import IdentifierKind
from noderouter.schema.fields import NotEmpty, OneOrMore
from noderouter.schema.kind import Field, Several

_LOG: Final = "is of routers whose protocol is http; this one has `h2AccessLog` and its like"
_HEAD: Final = "is of HTTP/1: what bounds the head of a request here is `maxHeaderListBytes` of its server"
_BODIES: Final = "is of routers whose protocol is http; bodies of HTTP/2 always stream as they are, take the key out"


class H2RouterConfig(RouterConfig):
    """`protocol: h2`: HTTP/2 without TLS, by prior knowledge (RFC 9113 section 3.3), gRPC with it."""

    log_key: ClassVar[str] = "h2AccessLog"
    misplaced: ClassVar[Mapping[str, str]] = {
        **{f"httpAccessLog{key}": _LOG for key in KEYS},
        **dict.fromkeys(("maxHeadersKB", "maxInitialLineKB"), _HEAD),
        **dict.fromkeys(("streamAfterContentLengthKB", "streamingEnabled", "compressionLevel"), _BODIES),
    }

    protocol: Literal["h2"]
    servers: Annotated[Several[H2ServerConfig], NotEmpty]
    identifier: Annotated[Several[Annotated[IdentifierKind, IDENTIFIER]], OneOrMore, NotEmpty] = Field(
        default_factory=lambda: (IDENTIFIER.maker("io.l5d.header.token", header=":authority")(),)
    )

    h2AccessLog: LogPath | None = None
    h2AccessLogFormat: Literal["text", "json"] = "text"
    h2AccessLogSample: LogSample = 1.0
    h2AccessLogRollPolicy: LogRollPolicy = "never"
    h2AccessLogAppend: bool = True
    h2AccessLogRotateCount: LogRotateCount = -1
