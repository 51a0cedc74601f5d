"""One entry of `routers` (docs/linkerd1.md sections 2.3 and 2.4)."""

from typing import Annotated, Any, ClassVar, Literal

from dtab import Dtab, Path
from noderouter.config.server import ServerConfig
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.proxy.access_log.rotation import RollPolicy
from noderouter.proxy.client.config import ClientKind
from noderouter.proxy.client.destinations import DestinationsConfig, OverridesConfig
from noderouter.proxy.filter.trace_config import TraceConfig
from noderouter.proxy.identifier.kind import IdentifierKind
from noderouter.proxy.router.config import ServiceKind
from noderouter.proxy.router.router import CacheSettings
from noderouter.schema import linkerd_keys
from noderouter.schema.fields import DtabText, Label, Milliseconds, NotEmpty, OneOrMore, PathText, Positive
from noderouter.schema.kind import (
    BeforeValidator,
    Field,
    Model,
    PydanticCustomError,
    Several,
    field_validator,
    kind_field,
    model_validator,
    nearest,
)

_IDENTIFIER = kind_field(IdentifierKind, "noderouter.proxy.identifier")
_INTERPRETER = kind_field(InterpreterKind, "noderouter.naming.interpreter")
_SERVICE = kind_field(ServiceKind, "noderouter.proxy.router", default="io.l5d.global")
_CLIENT = kind_field(ClientKind, "noderouter.proxy.client", default="io.l5d.global")

PROTOCOLS = ("http",)
LATER_PROTOCOLS = ("h2", "thrift", "mux", "thriftmux")

Kilobytes = Annotated[int, Field(ge=0, le=1 << 20)]
HeadKilobytes = Annotated[int, Field(ge=1, le=1024)]
"""A head is held in memory whole, for each connection."""


def _protocol(value: Any) -> Any:
    if value in LATER_PROTOCOLS:
        raise ValueError(f"protocol {value} is {linkerd_keys.not_built(value)}")
    if isinstance(value, str) and value not in PROTOCOLS:
        context = {"hint": nearest(value, PROTOCOLS)}
        raise PydanticCustomError("protocol", "unknown protocol; valid: http", context)
    return value


class BindingCacheConfig(Model):
    """How many of each a router remembers, and how long it keeps what is not used."""

    section: ClassVar[str] = "bindingCache"

    paths: Positive = 1000
    trees: Positive = 1000
    bounds: Positive = 1000
    clients: Positive = 1000
    idleTtlSecs: Positive = 600
    overrides: Positive = 64
    """Names under a dtab that came with the request: places of their own, which strangers cannot take from others."""
    overrideIdleTtlSecs: Positive = 10
    overrideClients: Positive = 128
    """Clients that nothing but overrides leads to."""

    def build(self) -> CacheSettings:
        """The settings of a router's cache of names; `overrideClients` is for its clients."""
        return CacheSettings(
            names=self.paths,
            idle_seconds=float(self.idleTtlSecs),
            overrides=self.overrides,
            override_idle_seconds=float(self.overrideIdleTtlSecs),
        )


class RouterConfig(Model):
    """A router: its servers, how requests are named, and how they are sent on."""

    section: ClassVar[str] = "router"

    protocol: Annotated[Literal["http"], BeforeValidator(_protocol)]
    label: Label = Field(default_factory=lambda checked: checked.get("protocol", "http"))
    servers: Annotated[Several[ServerConfig], NotEmpty]
    dtab: DtabText = Dtab.EMPTY
    dstPrefix: PathText = Path.of("svc")
    identifier: Annotated[Several[Annotated[IdentifierKind, _IDENTIFIER]], OneOrMore, NotEmpty] = Field(
        default_factory=lambda: (_IDENTIFIER.maker("io.l5d.header.token")(),)
    )
    interpreter: Annotated[InterpreterKind, _INTERPRETER] = Field(default_factory=_INTERPRETER.maker("default"))
    service: Annotated[ServiceKind, _SERVICE] = Field(default_factory=_SERVICE.maker("io.l5d.global"))
    client: Annotated[ClientKind, _CLIENT] = Field(default_factory=_CLIENT.maker("io.l5d.global"))
    bindingTimeoutMs: Milliseconds = 10_000
    bindingCache: BindingCacheConfig = BindingCacheConfig()
    destinations: DestinationsConfig = DestinationsConfig()
    overrides: OverridesConfig = OverridesConfig()
    trace: TraceConfig | None = None
    originator: bool = False
    """Whether there is a gauge that says that requests come from applications here, and not from another router."""
    experimental: bool = False
    """Accepted; nothing that is built is experimental."""

    httpAccessLog: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    httpAccessLogFormat: Literal["text", "json"] = "text"
    httpAccessLogSample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """A share of what goes well; what fails is logged in any case."""
    httpAccessLogRollPolicy: Annotated[str, Field(max_length=40)] = "never"
    httpAccessLogAppend: bool = True
    httpAccessLogRotateCount: Annotated[int, Field(ge=-1, le=1_000_000)] = -1
    maxHeadersKB: HeadKilobytes = 60
    maxInitialLineKB: HeadKilobytes = 16
    streamAfterContentLengthKB: Kilobytes = 5
    maxErrResponseKB: Kilobytes = 5120
    streamingEnabled: bool = True
    compressionLevel: int | None = None

    @field_validator("httpAccessLogRollPolicy")
    @classmethod
    def _roll_policy(cls, value: str) -> str:
        RollPolicy.parse(value)
        return value

    @model_validator(mode="after")
    def _access_log(self) -> "RouterConfig":
        """Refuse what would have no effect."""
        if self.httpAccessLogFormat == "text" and self.httpAccessLogSample != 1.0:
            raise ValueError("httpAccessLogSample is of the JSON log only: set httpAccessLogFormat: json as well")
        if self.httpAccessLog == "-" and self.httpAccessLogRollPolicy != "never":
            raise ValueError("httpAccessLog is standard output, which is never put aside: leave the roll policy out")
        return self

    @field_validator("streamingEnabled")
    @classmethod
    def _streaming(cls, value: bool) -> bool:
        if not value:
            raise ValueError(
                "bodies always stream, with bounded buffers, so false is not supported;"
                " leave the key out (streamAfterContentLengthKB says what is buffered so that it can be retried)"
            )
        return value

    @field_validator("compressionLevel")
    @classmethod
    def _compression(cls, value: int | None) -> int | None:
        if value not in (None, 0, -1):
            raise ValueError(
                "responses are carried as they are and never compressed: only 0 is supported, and -1 (Linkerd's"
                " default) accepted; let the service compress, or the proxy that faces the clients"
            )
        return value
