"""What the administrative interface knows of the router: values and callables, so that it can be tested alone."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from socket import gethostname
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from dtab import Delegation, Dtab, Path
from noderouter.admin.answers import Answers
from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard.look import Looker
from noderouter.admin.dashboard.seen import Client
from noderouter.admin.gate import Gate
from noderouter.admin.mesh.gatherer import Gatherer
from noderouter.core.addr import Addr
from noderouter.naming.interpreter.whatif import Comparison, Moved
from noderouter.telemetry.edges import Edge
from noderouter.telemetry.log import Levels
from noderouter.telemetry.observe import Observers
from noderouter.telemetry.recent import RecentRequest
from noderouter.telemetry.tap.tap import Tap
from noderouter.telemetry.telemeter.kind import Exposition
from noderouter.telemetry.tree import MetricsTree

if TYPE_CHECKING:
    from noderouter.policy.model import Policies

WATCHERS: Final = 16
"""Who may look at views again and again at a time."""
DELEGATIONS: Final = 4
"""Delegations at a time: each may wait for names."""

Delegate = Callable[[Path, Dtab], Awaitable[Any]]
"""Makes a delegation's JSON (`Delegation.json`), when all that it needs is known."""


class NoDtab(Exception):
    """A router has no dtab in effect (yet)."""


class RouterView(Protocol):
    """One router, as the administrative interface sees it."""

    def delegate(self, path: Path, dtab: Dtab, /) -> Awaitable[Any]:
        """Return the delegation of `path`, ready for JSON.

        `dtab` takes the place of the router's own; stored ones come before it. May take its time: the caller
        stops waiting after two seconds.
        """
        ...

    def explore(self, path: Path, dtab: Dtab | None, /) -> Awaitable[Delegation]:
        """Return the delegation of `path` by what is in force; with `dtab`, by that and nothing else."""
        ...

    def client_state(self) -> Mapping[str, Addr]:
        """Return the address of each client, by its id."""
        ...

    def stacks(self) -> Mapping[str, Any]:
        """What the stacks of servers, services and clients are made of, ready for `portions.json_object`."""
        ...

    def dtab(self) -> Dtab | None:
        """Return what names are bound with: the stored dtab and the router's; None where the former is not known."""
        ...

    def prefixes(self) -> Iterable[Path]:
        """Return the prefixes of the configured namers."""
        ...

    def whatif(self, draft: Dtab, /) -> Awaitable[Comparison]:
        """Return what `draft` would do to the requests of the last minutes, in place of the dtab that people edit.

        Raises:
            NoDtab: no dtab is in effect that it could be compared with.
        """
        ...

    def edges(self) -> Iterable[Edge]:
        """Return who calls whom."""
        ...

    def bound_names(self) -> Iterable[str]:
        """Return the names that its namers can list, such as `/#/io.l5d.fs/hello`."""
        ...

    def branches(self) -> Iterable[tuple[str, list[tuple[str, float]]]]:
        """Yield each name that is in use, with the clients that it leads to and the share of each."""
        ...

    def seen_clients(self) -> Iterable[Client]:
        """Yield each client with its endpoints; one step each, and without the figures that the metrics have."""
        ...


class StoredDtab(Protocol):
    """A dtab from outside the configuration, and its last edit."""

    name: str
    """What its place is called."""
    applied_at: float
    """When what is in force came into force, by the wall clock; 0 where nothing did."""
    moved: dict[str, Moved]
    """What the last edit did to the requests of each router."""

    @property
    def last_error(self) -> object | None:
        """Why the newest text is not in force, in words by `str`; None if it is."""
        ...

    @property
    def dtab(self) -> Dtab | None: ...
    @property
    def hash(self) -> str | None: ...


class CaptureStatus(Protocol):
    """What becomes of the connections of a pod."""

    @property
    def verdict(self) -> str:
        """`captured`, `not yet`, or `direct` where it is meant to be so."""
        ...

    @property
    def why(self) -> str:
        """Empty for those that are captured."""
        ...


def no_policies(_ip: str, _port: int) -> Iterable[tuple[str, str]]:
    """None: what a router says that follows no policies."""
    return ()


def _no_tasks() -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminState:
    """Everything the endpoints show, and the two actions that they can take."""

    config: Mapping[str, Any]
    """The configuration in effect, ready for JSON."""
    metrics: MetricsTree
    routers: Mapping[str, RouterView]
    """By label."""
    delegate: Delegate
    """For names outside of any router: only what the configured namers and those below `/$/` make of them."""
    readiness: Callable[[], tuple[bool, list[str]]]
    """Whether requests are welcome, and a line for each thing that this depends on."""
    shutdown: Callable[[], None]
    """Begins the graceful shutdown; returns at once."""
    levels: Levels
    version: str
    states: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    """What namers and interpreters show of themselves, by path."""
    dtab_hashes: Callable[[], Mapping[str, str]] = dict
    """The hash of the stored dtab in effect, by the label of the router; those that have a stored one."""
    stored_dtabs: Mapping[str, StoredDtab] = field(default_factory=dict)
    """By the label of the router; those that have one."""
    reactor_tasks: Callable[[], Iterable[str]] = _no_tasks
    """A few lines for each task of the data path: name, how long it has waited, stack."""
    expositions: tuple[Exposition, ...] = (Exposition(),)
    capture_status: Callable[[str], CaptureStatus] | None = None
    """Of the pod of this node that has an address; None where nothing is captured."""
    workloads: Callable[[], Mapping[str, tuple[str, str]]] = dict
    """Namespaces and workloads of this node's pods, by their addresses; empty where pods are not followed."""
    policy_what_if: "Callable[[Policies, int], Awaitable[Mapping[str, Any]]] | None" = None
    """What policies would have done in the last so many minutes; None where the router has none."""
    policies_of: Callable[[str, int], Iterable[tuple[str, str]]] = no_policies
    """Names and actions of the policies for an address and a port."""
    recent_requests: Iterable[RecentRequest] | None = None
    """The newest first, where the configuration asks for them."""
    tap: Tap = field(default_factory=lambda: Tap(Observers()))
    """Where viewers of live requests come."""
    security: SecurityConfig = field(default_factory=SecurityConfig)
    gate: Gate | None = None
    """Asks for a token; None lets everybody who comes."""
    hosts: frozenset[str] = frozenset()
    """Names that requests may be for, beside addresses and `localhost`."""
    max_connections: int = 32
    """Of each port."""
    answers: Answers = field(default_factory=Answers)
    looker: Looker = field(default_factory=Looker)
    ending: trio.Event = field(default_factory=trio.Event)
    """Set when the server is stopped: streams end."""
    watchers: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(WATCHERS, max_value=WATCHERS))
    """Who looks at a view again and again."""
    node: str = field(default_factory=gethostname)
    """What this router is called on its pages."""
    instance: str = field(default_factory=lambda: token_hex(8))
    """Tells this process from all others that look at nodes."""
    mesh: Gatherer | None = None
    """Looks at all nodes, where it is known which there are."""
    delegations: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(DELEGATIONS))
    started: float = field(default_factory=monotonic)
    """When the process started, by the monotonic clock."""
