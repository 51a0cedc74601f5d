"""`service` of a router: what is done once per request, above binding (docs/linkerd1.md section 2.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from dtab import Path, PathMatcher
from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.proxy.limit.config import Concurrency
from noderouter.proxy.retry.backoff import BackoffKind
from noderouter.proxy.retry.config import Budget
from noderouter.proxy.retry.held import BUFFER_BYTES, SECONDS, Hold
from noderouter.schema.fields import Milliseconds
from noderouter.schema.kind import Field, Kind, Model, Several, kind_field
from noderouter.schema.partial import Partial, PrefixEntry, overlay
from noderouter.telemetry.telemeter.kind import Rate

_BACKOFF = kind_field(BackoffKind, "noderouter.proxy.retry")
_CLASSIFIER = kind_field(ClassifierKind, "noderouter.proxy.classifier")

BufferBytes = Annotated[int, Field(ge=0, le=1 << 20)]


class Retries(Model):
    """Repeating requests that the response classifier calls retryable."""

    section: ClassVar[str] = "retries"

    budget: Budget = Budget()
    backoff: Annotated[BackoffKind, _BACKOFF] = Field(default_factory=_BACKOFF.maker("constant", ms=0))


class PartialRetries(Partial, Retries):
    """The same in an entry of `configs`."""


class RetryBufferSize(Model):
    """How much of a request, and of its response, is kept so that it can be sent again."""

    section: ClassVar[str] = "retryBufferSize"

    requestBytes: BufferBytes = BUFFER_BYTES
    responseBytes: BufferBytes = BUFFER_BYTES


class ServiceKeys(Model):
    """The keys of a service."""

    section: ClassVar[str] = "service"

    retries: Retries = Field(default_factory=Retries)
    totalTimeoutMs: Milliseconds | None = None
    concurrency: Concurrency | None = None
    traceSampleRate: Rate | None = None
    """In place of what the telemeters of traces say."""
    responseClassifier: Annotated[ClassifierKind, _CLASSIFIER] = Field(
        default_factory=_CLASSIFIER.maker("io.l5d.http.nonRetryable5XX")
    )
    retryBufferSize: RetryBufferSize = RetryBufferSize()
    """Of routers that speak HTTP/2."""
    classificationTimeoutMs: Annotated[int, Field(ge=1, le=60_000)] = round(SECONDS * 1000)
    """How long a response is held back whose verdict comes with its end; of routers that speak HTTP/2."""


class ServiceEntry(PrefixEntry, ServiceKeys):
    """The same for the names that a pattern matches."""

    retries: PartialRetries = Field(default_factory=PartialRetries)


@dataclass(frozen=True, slots=True)
class ServiceParams:
    """What holds for one logical name; times in seconds."""

    budget: Budget
    backoff: BackoffKind
    classifier: ClassifierKind
    total_timeout: float | None
    concurrency: Concurrency | None
    hold: Hold
    sample_rate: float | None


class ServiceResolver:
    """Answers what holds for a logical name. Not for the hot path: ask once per name."""

    __slots__ = ("_base", "_entries")

    def __init__(self, base: ServiceKeys, entries: Sequence[ServiceEntry]) -> None:
        self._base: dict[str, Any] = {
            "retries": {"budget": base.retries.budget, "backoff": base.retries.backoff},
            "totalTimeoutMs": base.totalTimeoutMs,
            "concurrency": base.concurrency,
            "traceSampleRate": base.traceSampleRate,
            "responseClassifier": base.responseClassifier,
            "retryBufferSize": base.retryBufferSize,
            "classificationTimeoutMs": base.classificationTimeoutMs,
        }
        self._entries = tuple(entries)

    @property
    def patterns(self) -> Sequence[PathMatcher]:
        """Patterns with settings of their own, beside those for every name."""
        return [entry.prefix for entry in self._entries]

    @property
    def limits(self) -> bool:
        """Whether any name may have a bound."""
        return self._base["concurrency"] is not None or any(each.concurrency is not None for each in self._entries)

    def concurrency(self, names: Sequence[Path]) -> Concurrency | None:
        """The bound of what has all these names: an entry that is for one of them is for it."""
        found: Concurrency | None = self._base["concurrency"]
        for entry in self._entries:
            if "concurrency" in entry.model_fields_set and any(entry.prefix.match(name) is not None for name in names):
                found = entry.concurrency
        return found

    def resolve(self, path: Path) -> ServiceParams:
        """The parameters of the logical name `path`, such as `/svc/hello`."""
        found = overlay(self._base, self._entries, path)
        total = found["totalTimeoutMs"]
        return ServiceParams(
            budget=found["retries"]["budget"],
            backoff=found["retries"]["backoff"],
            classifier=found["responseClassifier"],
            total_timeout=None if total is None else total / 1000,
            concurrency=found["concurrency"],
            hold=Hold(
                found["retryBufferSize"].requestBytes,
                found["retryBufferSize"].responseBytes,
                found["classificationTimeoutMs"] / 1000,
            ),
            sample_rate=found["traceSampleRate"],
        )


class ServiceKind(Kind):
    """What `service` may be."""

    def build(self) -> ServiceResolver:
        """What answers which settings a service has."""
        raise NotImplementedError


class GlobalService(ServiceKind, ServiceKeys):
    """`io.l5d.global`: the same for every name."""

    kind_name: ClassVar[str] = "io.l5d.global"

    kind: Literal["io.l5d.global"] = "io.l5d.global"

    def build(self) -> ServiceResolver:
        """See `ServiceKind`."""
        return ServiceResolver(self, ())


class StaticService(ServiceKind):
    """`io.l5d.static`: by patterns."""

    kind_name: ClassVar[str] = "io.l5d.static"

    kind: Literal["io.l5d.static"] = "io.l5d.static"
    configs: Several[ServiceEntry]

    def build(self) -> ServiceResolver:
        """See `ServiceKind`."""
        return ServiceResolver(ServiceKeys(), self.configs)
