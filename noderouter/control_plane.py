"""What runs on trio beside the routers: namers, interpreters, watches, interception, and what the admin port shows.

It builds names and keeps them filled; routers read them. Of the worker it sees values (`Worker.state` and kin), and
builds on its `guard` and its capture point.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from logging import ERROR
from socket import gethostname
from time import monotonic
from typing import TYPE_CHECKING, Any

import trio

from dtab import Delegation, Dtab, Path
from noderouter import __version__, memory
from noderouter.admin.config import AdminConfig
from noderouter.admin.dashboard.look import Looker
from noderouter.admin.dashboard.seen import Client
from noderouter.admin.handler.names import delegated
from noderouter.admin.mesh.gatherer import Gatherer
from noderouter.admin.routes import gate_with
from noderouter.admin.state import AdminState, NoDtab, no_policies
from noderouter.admin.token import AdminToken
from noderouter.assembly.surroundings import CaptureIndex
from noderouter.assembly.tokens import token_fields
from noderouter.config.config import Config
from noderouter.config.validate import dump
from noderouter.core.addr import Addr
from noderouter.core.background import Log, StartSoon
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destinations
from noderouter.core.var import Var
from noderouter.interception.control.declared_protocol import SPEAKS_FIRST
from noderouter.kubernetes.cluster_domain import cluster_domain
from noderouter.kubernetes.gauges import WatchGauges
from noderouter.naming.api_servers import ApiServers
from noderouter.naming.dns.gauges import dns_gauges
from noderouter.naming.interpreter.edits import follow_edits
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.states import states
from noderouter.naming.interpreter.stored import StoredDtab, StoredInterpreter
from noderouter.naming.interpreter.whatif import Comparison, compare
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.gauges import StoredGauges
from noderouter.naming.utility import UtilityNamer
from noderouter.policy.authorizer import Authorizer
from noderouter.proxy.client.address_class import spellings
from noderouter.proxy.client.ourselves import Ourselves, node_addresses
from noderouter.proxy.limit.rates import StoredLimits
from noderouter.telemetry import log as logging
from noderouter.telemetry.edges import Edge
from noderouter.telemetry.observe import Observers
from noderouter.telemetry.recent import RecentRequests, recent_gauges
from noderouter.telemetry.tap.tap import Tap, tap_gauges
from noderouter.telemetry.telemeter.kind import expositions_of
from noderouter.telemetry.tracing.exports import Exports
from noderouter.telemetry.tracing.log_recorder import LogRecorder
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tree import MetricsTree
from noderouter.tls.certificates import Certificates
from noderouter.tokens.sources import KeySources
from noderouter.worker import Worker

if TYPE_CHECKING:
    from noderouter.interception.control.controller import InterceptionController
    from noderouter.policy.control import PolicyControl


class ControlPlane:
    """Everything of a process that no request runs through."""

    def __init__(self, config: Config, metrics: MetricsTree, worker: Worker, stopping: trio.Event, log: Log) -> None:
        """Opens nothing yet; `stopping` is set when the process is to end."""
        self.config = config
        self.interpreters: dict[str, Interpreter] = {}
        """By the label of the router."""
        self.dtabs: dict[str, StoredDtab] = {}
        """Of the routers that have a stored one."""
        self.destinations = Destinations()
        self.clients = ClientNamespaces()
        self.interception: InterceptionController | None = None
        self.authorizer: Authorizer | None = None
        self.policy: PolicyControl | None = None
        """Both None where nobody says where policies are."""
        made = [each.observer() for each in config.telemetry]
        self.observers = Observers([each for each in made if each is not None], self._observer_failed)
        listeners = [each for each in (kind.listener() for kind in config.telemetry) if each is not None]
        recorders = [each for each in made if isinstance(each, SpanRecorder | LogRecorder)]
        self.exports = Exports([*recorders, *listeners])
        self.recent = next((each for each in made if isinstance(each, RecentRequests)), None)
        self.tap = open_tap(config.admin, self.observers, token_fields(config.routers))
        self._metrics = metrics
        self._worker = worker
        self._stopping = stopping
        self._log = log
        self._started = monotonic()
        self._stored_gauges: list[StoredGauges[Any]] = []
        self._mesh: Gatherer | None = None
        self._admin_token: AdminToken | None = None
        self._cluster_domain = cache(lambda: cluster_domain(config.clusterDomain, log))

    # Life-cycle

    def begin(self, start_soon: StartSoon) -> None:
        """Build namers and interpreters; their watches are run by `start_soon`.

        Raises:
            EnvironmentMissing: a variable that the configuration counts on is not set.
        """
        self.exports.begin(start_soon, self._metrics, self._log)  # first: what is said of the others is for it, too
        config = self.config
        if config.intercept is not None:
            _ = config.intercept.node  # if nobody says it, that is said before anything is opened
        client = self._worker.guard.client
        runtime = self._runtime = Runtime.begin(start_soon, monotonic, self._log, client, self._cluster_domain)
        namers = [kind.build(runtime) for kind in config.namers]
        dns_gauges(self._metrics.scope("dns"), runtime.resolver)
        self._watches = WatchGauges(self._metrics, runtime.clusters)
        self.certificates = Certificates(runtime.files, self._metrics.scope("tls"), self._log)
        start_soon(self.certificates.run, name="certificates")
        utility = UtilityNamer(runtime.resolver)
        self.key_sources = KeySources(start_soon, self._metrics.scope("jwks"), self._log)
        self.index = self._capture_index()
        self.ourselves = self._find_ourselves(runtime)
        for router in config.routers:
            interpreter = router.interpreter.build(
                runtime, Sources(dtab=Var(router.dtab), namers=namers, utility=utility)
            )
            self.interpreters[router.label] = interpreter
            if isinstance(interpreter, StoredInterpreter):
                self.dtabs[router.label] = interpreter.stored
                scope = self._metrics.scope("rt", router.label, "interpreter")
                self._stored_gauges.append(StoredGauges(scope, interpreter.stored, "dtab_"))
        if config.policy is not None:
            # Imported here: their models take time to be made.
            from noderouter.policy.control import PolicyControl
            from noderouter.policy.keys import LANGUAGES

            services = self.destinations
            self.authorizer = Authorizer(spellings, lambda ip, port: services.find(ip, port) is not None)
            scope, opaque = self._metrics.scope("policy"), self.index.opaque_ports
            self.policy = PolicyControl(config.policy, LANGUAGES, runtime, self.authorizer, scope, opaque)
        self._outside = Interpreter(Sources(Var(Dtab.EMPTY), namers, utility), Var(Dtab.EMPTY))
        kinds = {router.label: router.interpreter.kind_name for router in config.routers}
        self._states = states(namers, {(label, kinds[label]): each for label, each in self.interpreters.items()})
        if self.policy is not None:
            self._states["/policy.json"] = self.policy.state
            self._states["/limits.json"] = self._worker.limits
        if self.recent is not None:
            recent_gauges(self._metrics.scope("telemetry", "recent_requests"), self.recent)
        wanted = config.admin.token
        token = None if wanted is None else AdminToken.follow(wanted.file, runtime.files, self._log)
        self._admin_token = token
        peers = config.admin.peers
        if peers is not None:
            proof = None if token is None else token.summary
            self._mesh = Gatherer(peers.build(runtime.clusters), self._metrics.scope("admin", "peers"), proof=proof)
        self._metrics.tally("telemetry/observer_faults", lambda: self.observers.faults)
        tap_gauges(self._metrics.scope("telemetry", "tap"), self.tap)

    def arm(self) -> None:
        """Get interception ready, if it is configured: it runs beside the servers, which are bound."""
        config, point = self.config.intercept, self._worker.servers.capture_point
        if config is None or point is None:
            return
        from noderouter.interception.control.controller import Dependencies, InterceptionController

        # Imported here: a router without interception starts a tenth sooner.

        cluster = self._runtime.clusters.get(config.access)
        lent = Dependencies(cluster, self.destinations, self.clients, self.not_ready, self._metrics, self._log)
        self.interception = InterceptionController(config, point, lent)
        self._states["/intercept.json"] = self.interception.state

    def sweep(self) -> None:
        """Housekeeping, about twice a second."""
        self._watches.update()
        for gauges in self._stored_gauges:
            gauges.update()
        if self.policy is not None:
            self.policy.sweep()

    @property
    def limits(self) -> StoredLimits | None:
        """The limits on rates; None where no place for them is configured."""
        return None if self.policy is None else self.policy.follower.texts["limits"].var

    def _capture_index(self) -> CaptureIndex:
        intercept = self.config.intercept
        if intercept is None:
            return CaptureIndex(self.destinations)
        self.clients.expect()
        opaque = frozenset(SPEAKS_FIRST).union(intercept.opaquePorts)
        return CaptureIndex(self.destinations, opaque, intercept.clusterDomain or self._cluster_domain())

    def _find_ourselves(self, runtime: Runtime) -> Ourselves:
        """What no name may lead to, for any client."""
        told = [str(ip) for router in self.config.routers for ip in router.destinations.nodeAddresses]
        services = self.destinations
        return Ourselves(
            (*node_addresses(), *told),
            ApiServers(runtime.clusters, runtime.resolver),
            lambda ip, port: services.find(ip, port) is not None,
        )

    def _observer_failed(self, fault: BaseException) -> None:
        self._log(ERROR, "observer.failed", exc_info=fault)

    async def follow_edits(self) -> None:
        """Log what edits of stored dtabs have moved, until cancelled."""
        async with trio.open_nursery() as nursery:
            for label, interpreter in self.interpreters.items():
                if isinstance(interpreter, StoredInterpreter):
                    nursery.start_soon(follow_edits, label, interpreter, partial(self._worker.asked, label), self._log)

    # What others are told

    def readiness(self) -> tuple[bool, list[str]]:
        """Ready when every interpreter has what it needs, pods have been captured once, and not shutting down."""
        worker, stopping = self._worker.state(), self._stopping.is_set()
        lines = [f"draining: {stopping}", f"overload: {worker.overload}"]
        ready = not (stopping or worker.waiting)
        if worker.waiting:
            lines.append("servers: another router of this node serves until this one is ready")
        for label, interpreter in self.interpreters.items():
            known = interpreter.readiness()
            ready = ready and known.ready
            lines.append(f"router {label}: {known.reason}")
        if self.policy is not None:
            for what, known in self.policy.readiness():
                ready = ready and known.ready
                lines.append(f"{what}: {known.reason}")
        if self.interception is not None:
            known = self.interception.readiness()
            ready = ready and known.ready
            lines.append(f"interception: {known.reason}")
        lines += self.certificates.lines()
        if self._admin_token is not None and self._admin_token.error:
            lines.append(f"admin.token: the last good one counts: {self._admin_token.error}")
        return ready, [*lines, *self.key_sources.words()]

    def missing_to_succeed(self) -> list[str]:
        """What another router that serves already has and this one does not, in words."""
        lacks = []
        for router in self.config.routers:
            known = self.interpreters[router.label].readiness()
            stored = self.dtabs.get(router.label)
            # A table that does not exist makes nobody unready; but another may have what was taken away meanwhile.
            gone = stored is not None and stored.last_error is not None and not (stored.dtab or router.dtab)
            if gone or not known.ready:
                lacks.append(f"router {router.label}: {known.reason}")
        lacks += self._policy_lacks()
        return lacks if self.interception is None else [*lacks, *self.interception.missing_to_succeed()]

    def _policy_lacks(self) -> Iterator[str]:
        """What is not known of policies, in words."""
        if self.policy is not None:
            for what, known in self.policy.readiness():
                if not known.ready:
                    yield f"{what}: {known.reason}"

    def not_ready(self) -> Iterator[str]:
        """What routers lack before connections may be sent to them without asking."""
        yield from self._worker.state().missing
        yield from self._policy_lacks()
        for router in self.config.routers:
            interpreter = self.interpreters[router.label]
            known = interpreter.readiness()
            if not known.ready:
                yield f"router {router.label}: {known.reason}"
            elif not (router.dtab or interpreter.stored_dtab()):
                # Also where somebody deletes the ConfigMap: who has asked for no router is better off without one.
                yield f"router {router.label}: its dtab is empty, so that nothing could be routed"

    def admin_state(self) -> AdminState:
        """What the admin interface shows; after `arm`."""
        config, dtabs = self.config, self.dtabs
        prefixes = [namer.full_prefix for namer in config.namers]
        return AdminState(
            looker=Looker(memory.kept_apart),
            config=dump(config),
            metrics=self._metrics,
            routers={
                label: RouterFace(label, interpreter, prefixes, self._worker)
                for label, interpreter in self.interpreters.items()
            },
            delegate=self._delegate_outside,
            readiness=self.readiness,
            shutdown=self._stopping.set,
            levels=logging.levels,
            version=__version__,
            states=self._states,
            dtab_hashes=lambda: {label: stored.hash or "none" for label, stored in dtabs.items()},
            stored_dtabs=dtabs,
            reactor_tasks=self._worker.tasks,
            expositions=expositions_of(config.telemetry),
            capture_status=None if self.interception is None else self.interception.capture_status,
            workloads=dict if self.interception is None else self.interception.workloads,
            policy_what_if=None if self.policy is None else self.policy.what_if,
            policies_of=no_policies if self.policy is None else self.policy.policies_of,
            recent_requests=self.recent,
            tap=self.tap,
            security=config.admin.security,
            gate=gate_with(self._admin_token, expositions_of(config.telemetry)),
            hosts=self._admin_hosts(),
            max_connections=config.admin.maxConnections,
            started=self._started,
            node=os.environ.get("NODE_NAME") or gethostname(),
            mesh=self._mesh,
        )

    def _admin_hosts(self) -> frozenset[str]:
        """Return the configured hosts; a Service, `<name>.<namespace>.svc`, by its full name as well."""
        hosts = self.config.admin.hosts
        services = [host for host in hosts if host.endswith(".svc")]
        domain = self._cluster_domain() if services else ""
        return frozenset([*hosts, *(f"{service}.{domain}" for service in services if domain)])

    async def _delegate_outside(self, path: Path, dtab: Dtab) -> Any:
        return (await self._outside.delegate(path, dtab)).json(delegated)


def open_tap(config: AdminConfig, observers: Observers, secret: Iterable[str] = ()) -> Tap:
    """Where viewers come; they leave half of the admin interface's connections to others.

    The fields `secret` are shown to nobody, as those that the configuration masks.
    """
    tap = config.tap
    most = min(tap.viewers, config.maxConnections // 2)
    return Tap(observers, viewers=most, lines=tap.queueLines, masked=(*tap.maskedFields, *secret))


class RouterFace:
    """One router, as the administrative interface sees it; see `admin.state.RouterView`."""

    def __init__(self, label: str, interpreter: Interpreter, prefixes: Iterable[Path], worker: Worker) -> None:
        self._label = label
        self._interpreter = interpreter
        self._prefixes = prefixes
        self._worker = worker

    async def delegate(self, path: Path, dtab: Dtab, /) -> Any:
        """See `RouterView`."""
        return (await self._interpreter.delegate(path, dtab)).json(delegated)

    async def explore(self, path: Path, dtab: Dtab | None, /) -> Delegation:
        """See `RouterView`."""
        return await self._interpreter.delegate(path, dtab, alone=True)

    def client_state(self) -> Mapping[str, Addr]:
        """See `RouterView`."""
        return self._worker.client_state(self._label)

    def stacks(self) -> Mapping[str, Any]:
        """See `RouterView`."""
        return self._worker.stacks(self._label)

    def dtab(self) -> Dtab | None:
        """See `RouterView`."""
        return self._interpreter.configured_dtab()

    async def whatif(self, draft: Dtab, /) -> Comparison:
        """See `RouterView`."""
        interpreter = self._interpreter
        now = interpreter.configured_dtab()
        if now is None:
            raise NoDtab
        return await compare(interpreter.bind_with, now, interpreter.with_draft(draft), self._worker.asked(self._label))

    def edges(self) -> Iterable[Edge]:
        """See `RouterView`."""
        return self._worker.edges(self._label)

    def prefixes(self) -> Iterable[Path]:
        """See `RouterView`."""
        return self._prefixes

    def bound_names(self) -> Iterable[str]:
        """See `RouterView`."""
        return [name.show() for name in self._interpreter.names()]

    def branches(self) -> Iterable[tuple[str, list[tuple[str, float]]]]:
        """See `RouterView`."""
        return self._worker.branches(self._label)

    def seen_clients(self) -> Iterable[Client]:
        """See `RouterView`."""
        return self._worker.clients(self._label)
