"""`admin`: the administrative interface (spec section 2.2)."""

from typing import Annotated, ClassVar

from noderouter.config.fields import Ip, Port, Regex
from noderouter.config.kind import Field, Model, Several

DEFAULT_IP = "127.0.0.1"
DEFAULT_PORT = 9990


class SecurityConfig(Model):
    """Which administrative endpoints there are; what is switched off answers 404. The blacklist wins."""

    section: ClassVar[str] = "security"

    uiEnabled: bool = True
    controlEnabled: bool = True
    diagnosticsEnabled: bool = True
    pathWhitelist: Several[Regex] = ()
    pathBlacklist: Several[Regex] = ()


class AdminConfig(Model):
    """Where the administrative interface listens, and how shutting down is bounded."""

    section: ClassVar[str] = "admin"

    ip: Ip = DEFAULT_IP
    port: Port = DEFAULT_PORT
    shutdownGraceMs: Annotated[int, Field(ge=0, le=24 * 3600 * 1000)] = 10_000
    security: SecurityConfig = SecurityConfig()
