"""One entry of `routers`: what holds whatever its protocol is (docs/linkerd1.md section 2.3)."""

from typing import Annotated, Any, ClassVar, Final, Self

from dtab import Dtab, Path
from noderouter.config.access_log import AccessLogSettings, read_access_log
from noderouter.config.server import ServerConfig
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.proxy.client.config import ClientKind
from noderouter.proxy.client.destinations import DestinationsConfig, OverridesConfig
from noderouter.proxy.filter.trace_config import TraceConfig
from noderouter.proxy.identifier.kind import IdentifierKind
from noderouter.proxy.router.config import ServiceKind
from noderouter.proxy.router.router import CacheSettings
from noderouter.schema import linkerd_keys
from noderouter.schema.fields import DtabText, Label, Milliseconds, NotEmpty, OneOrMore, PathText, Positive
from noderouter.schema.kind import (
    Field,
    Model,
    PydanticCustomError,
    Several,
    ValidationInfo,
    field_validator,
    kind_field,
    model_validator,
    nearest,
    refusals,
)

IDENTIFIER = kind_field(IdentifierKind, "noderouter.proxy.identifier")
_INTERPRETER = kind_field(InterpreterKind, "noderouter.naming.interpreter")
_SERVICE = kind_field(ServiceKind, "noderouter.proxy.router", default="io.l5d.global")
_CLIENT = kind_field(ClientKind, "noderouter.proxy.client", default="io.l5d.global")

PROTOCOLS: Final = ("http", "h2")
LATER_PROTOCOLS: Final = ("thrift", "mux", "thriftmux")

Kilobytes = Annotated[int, Field(ge=0, le=1 << 20)]


def known_protocol(value: Any) -> Any:
    """Return a protocol as it is, or raise in words why there is no such router."""
    if value in LATER_PROTOCOLS:
        raise ValueError(f"protocol {value} is {linkerd_keys.not_built(value)}")
    if isinstance(value, str) and value not in PROTOCOLS:
        text = f"unknown protocol; {linkerd_keys.one_of(PROTOCOLS)}"
        raise PydanticCustomError("protocol", "{text}", {"text": text, "hint": nearest(value, PROTOCOLS)})
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
    """A router: its servers, how requests are named, and how they are sent on. Each protocol has a model of its own."""

    section: ClassVar[str] = "router"
    log_key: ClassVar[str]
    """The key with the path of the access log, which the log's other keys begin with."""

    protocol: str
    label: Label = Field(default_factory=lambda checked: checked.get("protocol", "http"))
    servers: Annotated[Several[ServerConfig], NotEmpty]
    dtab: DtabText = Dtab.EMPTY
    dstPrefix: PathText = Path.of("svc")
    identifier: Annotated[Several[Annotated[IdentifierKind, IDENTIFIER]], OneOrMore, NotEmpty] = Field(
        default_factory=lambda: (IDENTIFIER.maker("io.l5d.header.token")(),)
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

    maxErrResponseKB: Kilobytes = 5120

    @field_validator("identifier")
    @classmethod
    def _of_this_protocol(cls, value: tuple[IdentifierKind, ...], info: ValidationInfo) -> tuple[IdentifierKind, ...]:
        """Refuse identifiers that have no name for any request of this protocol."""
        misfits = [(index, kind.misfit(info.data.get("protocol", ""))) for index, kind in enumerate(value)]
        found = [((index, misfit[0]), misfit[1]) for index, misfit in misfits if misfit is not None]
        if found:
            raise refusals(found)
        return value

    @property
    def access_log(self) -> AccessLogSettings | None:
        """Where its access log is, and in which form; None without one."""
        return read_access_log(self, self.log_key)

    @model_validator(mode="after")
    def _access_log(self) -> Self:
        _ = self.access_log
        return self
