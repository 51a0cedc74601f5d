"""A whole configuration, checked (docs/linkerd1.md section 2)."""

from typing import Annotated, Any, ClassVar

from noderouter.admin.config import AdminConfig
from noderouter.config.protocols import AnyRouter
from noderouter.interception.control.config import InterceptConfig
from noderouter.line_queue import MAX_BYTES
from noderouter.naming.namer.kind import NamerKind
from noderouter.overload.config import OverloadConfig
from noderouter.policy.follower.kind import PolicyKind
from noderouter.schema.fields import Domain, NotEmpty
from noderouter.schema.kind import Field, Model, PlainValidator, Several, kind_field
from noderouter.telemetry.telemeter.kind import TelemeterKind
from noderouter.telemetry.tree import LIMIT


def _ignored(value: Any) -> None:
    """Accept and drop `usage`, by which Linkerd reported to its makers; nothing is sent here."""


class LogConfig(Model):
    """`log`: levels on standard error. They can be changed while the router runs, at `/logging.json`."""

    section: ClassVar[str] = "log"

    maxQueueKB: Annotated[int, Field(ge=4, le=1024 * 1024)] = MAX_BYTES // 1024


class MetricsConfig(Model):
    """`metrics`: how many names are told apart; what comes later is counted as `other`."""

    section: ClassVar[str] = "metrics"

    maxNames: Annotated[int, Field(ge=1, le=10_000)] = LIMIT


class Config(Model):
    """The content of the file, with every default filled in."""

    section: ClassVar[str] = "config"

    admin: AdminConfig = AdminConfig()
    routers: Annotated[Several[AnyRouter], NotEmpty]
    namers: Several[Annotated[NamerKind, kind_field(NamerKind, "noderouter.naming.namer")]] = ()
    telemetry: Several[Annotated[TelemeterKind, kind_field(TelemeterKind, "noderouter.telemetry.telemeter")]] = ()
    intercept: InterceptConfig | None = None
    overload: OverloadConfig = OverloadConfig()
    policy: Annotated[PolicyKind, kind_field(PolicyKind, "noderouter.policy.follower")] | None = None
    log: LogConfig = LogConfig()
    metrics: MetricsConfig = MetricsConfig()
    clusterDomain: Domain | None = None
    usage: Annotated[None, PlainValidator(_ignored)] = None
