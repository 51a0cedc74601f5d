"""`admin`: the administrative interface (docs/linkerd1.md section 2.2), and the port for probes beside it."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Annotated, ClassVar, Final

from noderouter.admin.mesh.config import PeersConfig
from noderouter.core.headers import FIELD_NAME
from noderouter.schema.fields import FilePath, Ip, Port, Positive, Regex
from noderouter.schema.kind import AfterValidator, Field, Model, Several, model_validator
from noderouter.telemetry.tap.tap import VIEWERS
from noderouter.telemetry.tap.viewer import QUEUE_LINES
from noderouter.tls.config import ServerTls

DEFAULT_IP = "127.0.0.1"
DEFAULT_PORT = 9990
PROBES_IP = "0.0.0.0"
PROBES_PORT = 9991

_HOST: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?([.][a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


def _host_name(text: str) -> str:
    """Return a name as it stands in `Host`, without a port, in lower case."""
    name = text.lower().removesuffix(".")
    if _HOST.fullmatch(name) is None:
        raise ValueError("not a host name, such as router.example.com: no scheme, no port, no pattern")
    return name


class SecurityConfig(Model):
    """Which administrative endpoints exist; one that is switched off answers 404. The blacklist wins."""

    section: ClassVar[str] = "security"

    uiEnabled: bool = True
    controlEnabled: bool | None = None
    """Where the file says nothing, `AdminConfig` fills in whether the interface is on loopback."""
    diagnosticsEnabled: bool = True
    pathWhitelist: Several[Regex] = ()
    pathBlacklist: Several[Regex] = ()


class AdminSocketOptions(Model):
    """Options of the listening sockets of the two ports."""

    section: ClassVar[str] = "socketOptions"

    reusePort: bool = False
    """Lets a router listen beside the one whose place it takes."""


class ProbesConfig(Model):
    """A port of its own for probes and Prometheus: nothing else is there, whatever the interface itself shows."""

    ip: Ip = PROBES_IP
    port: Port = PROBES_PORT
    socket: FilePath | None = None
    """A unix socket that shows the same: a request there reaches this process, also where two share the port."""


def _field_name(text: str) -> str:
    """Return the name of a header field in lower case."""
    if FIELD_NAME.fullmatch(text.encode("utf-8", "replace")) is None:
        raise ValueError("not a field name, such as x-api-key")
    return text.lower()


class TapConfig(Model):
    """Viewers of live requests, at `/requests`."""

    section: ClassVar[str] = "tap"

    viewers: Annotated[int, Field(ge=1, le=64)] = VIEWERS
    """At the same time; half of `maxConnections` at most."""
    queueLines: Annotated[int, Field(ge=16, le=10_000)] = QUEUE_LINES
    """Requests that wait for one viewer; those beyond are lost to him."""
    maskedFields: Several[Annotated[str, AfterValidator(_field_name)]] = ()
    """Header fields whose values are shown to nobody, besides those that never are (`telemetry.tap.heads`)."""


class TokenConfig(Model):
    """Who shows more than metrics and health wants to see a token."""

    file: FilePath
    """One token in each line; followed."""


class AdminConfig(Model):
    """Where the administrative interface listens, and how shutting down is bounded."""

    section: ClassVar[str] = "admin"

    ip: Ip = DEFAULT_IP
    port: Port = DEFAULT_PORT
    shutdownGraceMs: Annotated[int, Field(ge=0, le=24 * 3600 * 1000)] = 10_000
    security: SecurityConfig = SecurityConfig()
    token: TokenConfig | None = None
    """None asks nobody who he is."""
    tls: ServerTls | None = None
    """None is without; the port for probes always is."""
    hosts: Several[Annotated[str, AfterValidator(_host_name)]] = ()
    """Names that a `Host` may be, beside addresses and `localhost`."""
    tap: TapConfig = TapConfig()
    maxConnections: Annotated[int, Field(ge=4, le=4096)] = 32
    """Of each of the two ports."""
    probes: ProbesConfig | None = None
    peers: PeersConfig | None = None
    """Where the other routers are, so that views can be of all nodes."""
    socketOptions: AdminSocketOptions = AdminSocketOptions()
    workerThreads: Positive | None = None
    """Accepted without effect: long answers are made in small steps instead of on threads of their own."""

    @model_validator(mode="after")
    def _control_is_for_loopback(self) -> "AdminConfig":
        """Close control endpoints beyond loopback unless they are opened explicitly: nobody authenticates here."""
        if self.security.controlEnabled is None:
            decided = self.security.model_copy(update={"controlEnabled": is_loopback(self.ip)})
            object.__setattr__(self, "security", decided)  # frozen for all others
        return self


def is_loopback(ip: str) -> bool:
    """Whether what listens at a literal address is reachable from this machine (or pod) only."""
    address = ip_address(ip)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
