"""`client` of a router: what is done per bound name, below binding (docs/linkerd1.md section 2.6)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Annotated, ClassVar, Final, Literal, Self

from dtab import Path, PathMatcher
from dtab.path_matcher import fill
from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.proxy.balancer.kind import BalancerKind
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.client.settings import ClientSettings, unlimited
from noderouter.proxy.http.http2_keys import Http2Keys, Streams
from noderouter.proxy.limit.config import Concurrency
from noderouter.proxy.listener.config import Session
from noderouter.proxy.retry.config import Budget
from noderouter.proxy.transport import TransportLimits
from noderouter.schema.fields import Count, LimitMs, Milliseconds, Positive, seconds
from noderouter.schema.kind import Field, Kind, Model, Several, kind_field, model_validator
from noderouter.schema.partial import PrefixEntry, overlay
from noderouter.tls.config import ClientTls

_BALANCER = kind_field(BalancerKind, "noderouter.proxy.balancer")
_ACCRUAL = kind_field(AccrualKind, "noderouter.proxy.balancer.accrual")


EndpointProtocol = Literal["http", "h2"]

_CAPTURE: Final = re.compile(r"\{[^{}]*\}")


class PoolConfig(Model):
    """Connections to one endpoint; None is unlimited."""

    section: ClassVar[str] = "pool"

    minSize: Count = 0
    maxSize: Positive | None = None
    idleTimeMs: Milliseconds = 3000
    """Linkerd keeps idle connections forever; this is shorter than the keep-alive time of any server, so that
    requests do not meet connections that the server is closing."""
    maxWaiters: Count | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maxSize is not None and self.minSize > self.maxSize:
            raise ValueError(f"minSize ({self.minSize}) is larger than maxSize ({self.maxSize})")
        return self


class ClientKeys(Http2Keys):
    """The keys of a client; those of HTTP/2 are for its connections of that protocol, if it has any."""

    section: ClassVar[str] = "client"

    loadBalancer: Annotated[BalancerKind, _BALANCER] = Field(default_factory=_BALANCER.maker("p2c"))
    failureAccrual: Annotated[AccrualKind, _ACCRUAL] = Field(
        default_factory=_ACCRUAL.maker("io.l5d.consecutiveFailures", failures=5)
    )
    hostConnectionPool: PoolConfig = PoolConfig()
    requestAttemptTimeoutMs: Milliseconds | None = None
    requeueBudget: Budget = Budget()
    clientSession: Session = Session()
    concurrency: Concurrency | None = None
    """Of each endpoint."""
    failFast: bool = False
    connectTimeoutMs: Milliseconds = 5000
    """For all tries of one request to get a connection."""
    responseHeadTimeoutMs: LimitMs = 300_000
    """Until a response begins, where neither `totalTimeoutMs` nor `requestAttemptTimeoutMs` says else."""
    bodyIdleTimeoutMs: LimitMs = 60_000
    """Without a byte of a response's body, or without one of a request's that the endpoint takes."""
    uploadAfterResponseMs: Milliseconds = 30_000
    """How long a request's body goes on behind a response that is complete."""
    uploadAfterResponseKB: Count = 64 * 1024
    """How much of it."""
    strictResponses: bool = False
    """Whether what clients read although it is not as it should be (`http1.head`) is refused instead of carried."""
    forwardClientCert: bool = False
    """Whether endpoints are told of the certificates of clients (`x-forwarded-client-cert`)."""
    tls: ClientTls | None = None
    """None, or one that is not enabled, is without."""
    endpointProtocol: EndpointProtocol | None = None
    """What endpoints speak; None is the protocol of the router."""
    maxConcurrentStreamsPerConnection: Streams | None = None
    """None is what an endpoint allows."""


class ClientEntry(PrefixEntry, ClientKeys):
    """The same for the bound names that a pattern matches."""

    @model_validator(mode="after")
    def _captured(self) -> Self:
        if self.tls is not None and self.tls.commonName is not None:
            _no_holes(fill(self.tls.commonName, {hole[1:-1]: "x" for hole in _CAPTURE.findall(self.prefix.pattern)}))
        return self


def _no_holes(name: str) -> None:
    """Refuse a `commonName` in which a capture is asked for that there is not."""
    left = _CAPTURE.search(name)
    if left is not None:
        raise ValueError(f"tls.commonName has {left[0]}, which the prefix does not capture")


@dataclass(frozen=True, slots=True)
class Secured:
    """The `tls` of one bound name: the keys, `commonName` with its captures filled in, and where the keys stand."""

    tls: ClientTls
    name: str | None
    place: str


@dataclass(frozen=True, slots=True)
class StreamParams:
    """What holds for HTTP/2 connections to endpoints; sizes in bytes."""

    max_streams: int | None
    stream_window: int
    link_window: int
    header_table: int
    max_frame: int
    max_header_list: int


@dataclass(frozen=True, slots=True)
class ClientParams:
    """What holds for one bound name; times in seconds."""

    balancer: BalancerKind
    accrual: AccrualKind
    pool: PoolConfig
    attempt_timeout: float | None
    requeue_budget: Budget
    session: Session
    concurrency: Concurrency | None
    fail_fast: bool
    connecting: float
    head: float
    body_idle: float
    upload: float
    upload_bytes: int
    strict_responses: bool
    endpoint_protocol: EndpointProtocol | None
    streams: StreamParams
    tls: Secured | None
    forward_client_cert: bool

    def build(self, rng: Random, binding_seconds: float) -> ClientSettings:
        """The settings of one client."""
        limit = self.concurrency
        return ClientSettings(
            balancer=partial(self.balancer.build, rng),
            accrual=self.accrual.build(rng),
            requeue_budget=self.requeue_budget.build,
            pool=self.build_pool(),
            binding_seconds=binding_seconds,
            fail_fast=self.fail_fast,
            limit=unlimited if limit is None else partial(limit.of_endpoint, rng),
            queue=None if limit is None else limit.queue,
        )

    def build_pool(self) -> PoolSettings:
        """The settings of the pool of one endpoint."""
        pool, defaults = self.pool, PoolSettings()
        return PoolSettings(
            idle_seconds=min(seconds(pool.idleTimeMs), seconds(self.session.idleTimeMs)),
            life_seconds=seconds(self.session.lifeTimeMs),
            min_size=pool.minSize,
            max_size=defaults.max_size if pool.maxSize is None else pool.maxSize,
            max_waiters=defaults.max_waiters if pool.maxWaiters is None else pool.maxWaiters,
            connecting_seconds=self.connecting,
            limits=TransportLimits(
                head_seconds=self.head,
                body_idle_seconds=self.body_idle,
                upload_seconds=self.upload,
                upload_bytes=self.upload_bytes,
                lenient=not self.strict_responses,
            ),
        )


class ClientResolver:
    """Answers what holds for a bound name. Not for the hot path: ask once per client."""

    __slots__ = ("_base", "_entries")

    def __init__(self, base: ClientKeys, entries: Sequence[ClientEntry]) -> None:
        self._base = {key: getattr(base, key) for key in ClientKeys.model_fields}
        self._entries = tuple(entries)

    @property
    def patterns(self) -> Sequence[PathMatcher]:
        """Patterns with settings of their own, beside those for every name."""
        return [entry.prefix for entry in self._entries]

    @property
    def forwards_client_cert(self) -> bool:
        """Whether any client is told by whose certificate requests have come."""
        return any((self._base["forwardClientCert"], *(each.forwardClientCert for each in self._entries)))

    def all_tls(self) -> Iterator[Secured]:
        """Yield every `tls` there is, with captures as they are written: what connections may be opened with."""
        places = [("", self._base["tls"]), *((entry.prefix.pattern, entry.tls) for entry in self._entries)]
        for place, tls in places:
            if tls is not None and tls.enabled:
                yield Secured(tls, tls.commonName, place)

    def _tls(self, path: Path) -> Secured | None:
        """The `tls` of a bound name: that of the last entry which has one, with its own captures."""
        found, place, captures = self._base["tls"], "", dict[str, str]()
        for entry in self._entries:
            matched = entry.prefix.match(path) if "tls" in entry.model_fields_set else None
            if matched is not None:
                found, place, captures = entry.tls, entry.prefix.pattern, matched
        if found is None or not found.enabled:
            return None
        return Secured(found, None if found.commonName is None else fill(found.commonName, captures), place)

    def resolve(self, path: Path) -> ClientParams:
        """The parameters of the bound name `path`, with its transformer prefixes, such as `/#/io.l5d.fs/web`."""
        found = overlay(self._base, self._entries, path)
        attempt = found["requestAttemptTimeoutMs"]
        return ClientParams(
            balancer=found["loadBalancer"],
            accrual=found["failureAccrual"],
            pool=found["hostConnectionPool"],
            attempt_timeout=None if attempt is None else attempt / 1000,
            requeue_budget=found["requeueBudget"],
            session=found["clientSession"],
            concurrency=found["concurrency"],
            fail_fast=found["failFast"],
            connecting=found["connectTimeoutMs"] / 1000,
            head=seconds(found["responseHeadTimeoutMs"]),
            body_idle=seconds(found["bodyIdleTimeoutMs"]),
            upload=found["uploadAfterResponseMs"] / 1000,
            upload_bytes=found["uploadAfterResponseKB"] * 1024,
            strict_responses=found["strictResponses"],
            endpoint_protocol=found["endpointProtocol"],
            tls=self._tls(path),
            forward_client_cert=found["forwardClientCert"],
            streams=StreamParams(
                max_streams=found["maxConcurrentStreamsPerConnection"],
                stream_window=found["initialStreamWindowBytes"],
                link_window=found["initialConnectionWindowBytes"],
                header_table=found["headerTableBytes"],
                max_frame=found["maxFrameBytes"],
                max_header_list=found["maxHeaderListBytes"],
            ),
        )


class ClientKind(Kind):
    """What `client` may be."""

    def build(self) -> ClientResolver:
        """What answers which settings a client has."""
        raise NotImplementedError


class GlobalClient(ClientKind, ClientKeys):
    """`io.l5d.global`: the same for every bound name."""

    kind_name: ClassVar[str] = "io.l5d.global"

    kind: Literal["io.l5d.global"] = "io.l5d.global"

    @model_validator(mode="after")
    def _captures_nothing(self) -> Self:
        if self.tls is not None and self.tls.commonName is not None:
            _no_holes(self.tls.commonName)
        return self

    def build(self) -> ClientResolver:
        """See `ClientKind`."""
        return ClientResolver(self, ())


class StaticClient(ClientKind):
    """`io.l5d.static`: by patterns."""

    kind_name: ClassVar[str] = "io.l5d.static"

    kind: Literal["io.l5d.static"] = "io.l5d.static"
    configs: Several[ClientEntry]

    def build(self) -> ClientResolver:
        """See `ClientKind`."""
        return ClientResolver(ClientKeys(), self.configs)
