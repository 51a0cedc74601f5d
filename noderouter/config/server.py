"""One entry of `servers`: where a router listens, and what is done there (docs/linkerd1.md section 2.5)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from noderouter.proxy.capture.config import CaptureConfig
from noderouter.proxy.client.destinations import OverridesConfig
from noderouter.proxy.filter.call_depth import DEFAULT_LIMIT
from noderouter.proxy.filter.forwarded_label import LabelKind
from noderouter.proxy.http2.config import Http2ServerKeys
from noderouter.proxy.listener.config import ServerSession, SocketOptions
from noderouter.proxy.listener.listener import SocketSettings
from noderouter.schema.fields import Count, FieldName, Ip, LimitMs, Milliseconds, Port, Positive
from noderouter.schema.kind import BeforeValidator, Field, Model, Several, field_validator, kind_field, model_validator
from noderouter.tls.config import ServerTls
from noderouter.tokens.config import IssuerConfig, check_together

DEFAULT_IP = "127.0.0.1"
DEFAULT_PORT = 4140
H2_PORT = 4142
"""Of routers whose protocol is h2."""

ENDPOINTS = "endpoints"

_LABEL = kind_field(LabelKind, "noderouter.proxy.filter")


def _allow_connect(value: Any) -> Any:
    """Give one message in place of two, for the two types that the value may have."""
    if not isinstance(value, bool) and value != ENDPOINTS:
        raise ValueError(f"must be true, false or {ENDPOINTS}")
    return value


AllowConnect = Annotated[bool | Literal["endpoints"], BeforeValidator(_allow_connect)]


class ForwardedHeader(Model):
    """`addForwardedHeader`: how the `Forwarded` field names the two ends of the connection."""

    section: ClassVar[str] = "addForwardedHeader"

    by: Annotated[LabelKind, _LABEL] = Field(default_factory=_LABEL.maker("requestRandom"))
    for_: Annotated[LabelKind, _LABEL] = Field(default_factory=_LABEL.maker("requestRandom"), alias="for")


_OF_H2: Final = "is of HTTP/2: it goes to servers of routers whose protocol is h2, or below `http2`"


class Http2Server(Http2ServerKeys):
    """`http2` of a server of an http router: clients may speak HTTP/2, too, with prior knowledge."""

    section: ClassVar[str] = "http2"


class ServerConfig(Model):
    """A listener; of routers whose protocol is http."""

    section: ClassVar[str] = "server"
    misplaced: ClassVar[Mapping[str, str]] = dict.fromkeys(Http2ServerKeys.model_fields, _OF_H2)

    ip: Ip = DEFAULT_IP
    port: Port = DEFAULT_PORT
    socketOptions: SocketOptions = SocketOptions()
    maxConcurrentRequests: Positive | None = None
    maxConnectionsPerClient: Positive | None = None
    """None is half of all places."""
    timeoutMs: Milliseconds | None = None
    """For the whole request from its head on, naming included; Linkerd has it, undocumented."""
    clearContext: bool = False
    serverSession: ServerSession = ServerSession()
    bodyIdleTimeoutMs: LimitMs = 60_000
    """Without a byte of a request's body, or without one of a response that the client reads."""
    tunnelIdleTimeoutMs: LimitMs = 3_600_000
    """Without a byte either way, behind CONNECT or an upgrade."""
    addForwardedHeader: ForwardedHeader | None = None
    timestampHeader: FieldName | None = None
    diagnosticTracing: bool = False
    """Whether a TRACE with `l5d-add-context: true` is told how it was routed, to whoever sends it."""
    maxCallDepth: Count = DEFAULT_LIMIT
    allowConnect: AllowConnect = False
    """With `endpoints`, CONNECT leads to endpoints of Kubernetes only: for a router that other routers ask."""
    overrides: OverridesConfig | None = None
    """None is what the router says."""
    tls: ServerTls | None = None
    """None is without; there is no port for both."""
    capture: CaptureConfig | None = None
    http2: Http2Server | None = None
    """None is HTTP/1 only, but for captured connections."""
    jwt: Several[IssuerConfig] = ()
    """Whose tokens are taken, and judged; without any, tokens are nobody's business here."""

    @property
    def streams(self) -> Http2ServerKeys | None:
        """The keys of its HTTP/2 connections; None where it takes none."""
        if self.http2 is None and self.capture is not None and self.capture.http2 == "requests":
            return _DEFAULT_STREAMS
        return self.http2

    def socket_settings(self) -> SocketSettings:
        """The settings of its listening socket."""
        return self.socketOptions.build(transparent=self.capture is not None and self.capture.transparent)

    @model_validator(mode="after")
    def _http2_of_flows(self) -> Self:
        if self.http2 is not None and self.capture is not None and self.capture.http2 == "flows":
            raise ValueError("http2 has no effect where capture.http2 is flows; take one of them out")
        return self

    @model_validator(mode="after")
    def _captured_as_it_is(self) -> Self:
        if self.tls is not None and self.capture is not None:
            raise ValueError(
                "tls and capture exclude each other: captured connections are carried as they were made, TLS included;"
                " take one of them out"
            )
        return self

    @model_validator(mode="after")
    def _tokens(self) -> Self:
        check_together(self.jwt)
        if self.jwt and self.capture is not None and self.capture.http2 == "flows":
            raise ValueError("jwt has no effect on HTTP/2 where capture.http2 is flows; take one of them out")
        if self.allowConnect and any(each.forwardClaims for each in self.jwt):
            raise ValueError(
                "forwardClaims and allowConnect exclude each other: what is in a tunnel may have any field; take one of"
                " them out"
            )
        return self

    @model_validator(mode="after")
    def _cleared(self) -> Self:
        if self.clearContext and self.allowConnect:
            raise ValueError(
                "clearContext and allowConnect exclude each other: a tunnel carries every field past the clearing;"
                " take one of them out"
            )
        return self


_DEFAULT_STREAMS: Final = Http2ServerKeys()


class H2ServerConfig(Http2ServerKeys, ServerConfig):
    """A listener of a router whose protocol is h2."""

    misplaced: ClassVar[Mapping[str, str]] = {}

    port: Port = H2_PORT

    @property
    def streams(self) -> Http2ServerKeys:
        """See `ServerConfig`."""
        return self

    @field_validator("http2")
    @classmethod
    def _no_http2(cls, value: Http2Server | None) -> Http2Server | None:
        if value is not None:
            raise ValueError("a server of an h2 router speaks nothing but HTTP/2; the keys go to the server itself")
        return value

    @field_validator("capture")
    @classmethod
    def _no_capture(cls, value: CaptureConfig | None) -> CaptureConfig | None:
        if value is not None:
            raise ValueError(
                "a server of an h2 router takes no captured connections; put `capture` on a server of an http router,"
                " which carries HTTP/1 and HTTP/2 on one port"
            )
        return value
