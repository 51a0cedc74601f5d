"""The composition root: from a checked configuration to a running router, and down again.

    nursery     what runs in it                                          is cancelled when
    ---------   ------------------------------------------------------   ---------------------------------------
    hosting     the reactor                                              names and watches have ended
    naming      files, DNS, watches of Kubernetes; what last-good        connections have drained, and routers
                dtabs and Events wait to write                           have closed their clients
    serving     signals, sweep, admin, control lag, guard, memory,       connections have drained, or the grace
                windows of metrics, yielding a port, arming              period is over

SIGTERM, SIGINT and `/admin/shutdown` set `stopping`; `run` itself then disarms, drains and cancels from the inside out:
accepting ends first, then connections drain, then upstream connections close, then watches, then the reactor.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path as FilePath
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

import trio

from dtab import Dtab, Path
from noderouter import __version__, memory
from noderouter.admin.handler.names import delegated
from noderouter.admin.listen import open_socket, open_unix
from noderouter.admin.server import serve_admin
from noderouter.admin.state import AdminState
from noderouter.assembly.router import RouterAssembly, build_router
from noderouter.assembly.surroundings import CaptureIndex, Surroundings
from noderouter.config.config import Config
from noderouter.config.validate import dump
from noderouter.core.background import Pace
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destinations
from noderouter.core.var import Var
from noderouter.interception.control.declared_protocol import SPEAKS_FIRST
from noderouter.kubernetes.cluster_domain import cluster_domain
from noderouter.kubernetes.gauges import WatchGauges
from noderouter.line_queue import farewell
from noderouter.naming.api_servers import ApiServers
from noderouter.naming.dns.gauges import dns_gauges
from noderouter.naming.interpreter.gauges import DtabGauges
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.states import states
from noderouter.naming.interpreter.stored import StoredDtab, StoredInterpreter
from noderouter.naming.runtime import Runtime
from noderouter.naming.utility import UtilityNamer
from noderouter.overload.descriptors import places_for_clients
from noderouter.overload.guard import Guard
from noderouter.proxy.client.ourselves import Ourselves, node_addresses
from noderouter.reactor import host
from noderouter.reactor.describe import describe_tasks
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task
from noderouter.router_face import RouterFace
from noderouter.servers import Servers
from noderouter.telemetry import log
from noderouter.telemetry.process import watch_log, watch_process
from noderouter.telemetry.recent import RecentRequests, recent_gauges
from noderouter.telemetry.telemeter.kind import expositions_of
from noderouter.telemetry.tree import MetricsTree
from noderouter.telemetry.window import turn_windows

if TYPE_CHECKING:
    from noderouter.interception.control.controller import InterceptionController

ADMIN_SECONDS = 3.0
"""How long answers of the admin interface may take to end, at the very end."""
SWEEP_SECONDS = 0.5
"""How often idle connections and removed endpoints are looked for."""
UNWIND_SECONDS = 1.0
"""How long connections may take to end once they are cut off."""

_log = log.get("noderouter")


class App:
    """One router process: `run` it once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = MetricsTree()
        self.reactor = Reactor(self._on_crash)
        self.lag = host.Lag()
        self.stopping = trio.Event()
        self._admin_stop = trio.Event()
        self._admin_ended = trio.Event()
        self.assemblies: dict[str, RouterAssembly] = {}
        self._dtabs: dict[str, StoredDtab] = {}
        self._dtab_gauges: list[DtabGauges] = []
        self.started = monotonic()
        self.destinations = Destinations()
        self.arming: InterceptionController | None = None
        self._rng = Random()
        made = [each.observer() for each in config.telemetry]
        self.observers = tuple(each for each in made if each is not None)
        self.recent = next((each for each in made if isinstance(each, RecentRequests)), None)
        self.clients = ClientNamespaces()
        self._cluster_domain = cache(lambda: cluster_domain(config.clusterDomain, naming_log))

    # Life-cycle

    async def run(self, on_ready: Callable[["App"], None] = lambda _app: None) -> None:
        """Serve until told to stop, then drain. `on_ready` is called when requests are accepted.

        Raises:
            ListenError, AdminListenError: an address cannot be listened on; nothing is left open.
        """
        self.guard = Guard(self.config.overload, places_for_clients(), self.reactor, naming_log)
        try:
            async with trio.open_nursery() as hosting:
                await hosting.start(host.run, self.reactor)
                async with trio.open_nursery() as naming:
                    self._assemble(naming)
                    self._bind()
                    self._arm()
                    async with trio.open_nursery() as serving:
                        await serving.start(self._watch_signals)  # who sees us listen may tell us to end
                        self._start(serving)
                        memory.settle()
                        await self.servers.open(self._missing_to_succeed, self.stopping)
                        serving.start_soon(self.servers.yield_while, self._missing_to_succeed)
                        on_ready(self)
                        await self.stopping.wait()
                        told = monotonic()
                        if self.arming is not None:
                            await self.arming.disarm()
                        await self._drain(told)
                        serving.cancel_scope.cancel()
                    for assembly in self.assemblies.values():
                        assembly.close()
                    naming.cancel_scope.cancel()
                hosting.cancel_scope.cancel()
        finally:
            self.reactor.close()
        _log.info("router.stopped")

    def _assemble(self, naming: trio.Nursery) -> None:
        """Build namers, interpreters and routers; their watches run in `naming`."""
        if self.config.intercept is not None:
            _ = self.config.intercept.node  # if nobody says it, that is said before anything is opened
        runtime = self._runtime = Runtime.begin(
            naming.start_soon, monotonic, naming_log, self.guard.client, self._cluster_domain
        )
        namers = [kind.build(runtime) for kind in self.config.namers]
        dns_gauges(self.metrics.scope("dns"), runtime.resolver)
        self._watches = WatchGauges(self.metrics, runtime.clusters)
        utility = UtilityNamer(runtime.resolver)
        index = CaptureIndex(self.destinations)
        intercept = self.config.intercept
        if intercept is not None:
            opaque = frozenset(SPEAKS_FIRST).union(intercept.opaquePorts)
            index = CaptureIndex(self.destinations, opaque, intercept.clusterDomain or self._cluster_domain())
            self.clients.expect()
        around = Surroundings(
            self.reactor,
            self.metrics,
            self._rng,
            naming_log,
            index,
            self._ourselves(runtime),
            self.config.namers,
            self.guard.bindings.admit,
            self.observers,
            self.clients,
        )
        for config in self.config.routers:
            sources = Sources(dtab=Var(config.dtab), namers=namers, utility=utility)
            interpreter = config.interpreter.build(runtime, sources)
            assembly = self.assemblies[config.label] = build_router(config, interpreter, around)
            self.guard.join(assembly.router)
            if isinstance(interpreter, StoredInterpreter):
                self._dtabs[config.label] = interpreter.stored
                scope = self.metrics.scope("rt", config.label, "interpreter")
                self._dtab_gauges.append(DtabGauges(scope, interpreter.stored))
        self._outside = Interpreter(Sources(Var(Dtab.EMPTY), namers, utility), Var(Dtab.EMPTY))
        self._states = states(
            namers,
            {(label, each.config.interpreter.kind_name): each.interpreter for label, each in self.assemblies.items()},
        )

    def _ourselves(self, runtime: Runtime) -> Ourselves:
        """What no name may lead to, whoever asks for it."""
        told = [str(ip) for router in self.config.routers for ip in router.destinations.nodeAddresses]
        services = self.destinations
        self.ourselves = Ourselves(
            (*node_addresses(), *told),
            ApiServers(runtime.clusters, runtime.resolver),
            lambda ip, port: services.find(ip, port) is not None,
        )
        return self.ourselves

    def _bind(self) -> None:
        """Bind every server before the first request is accepted, so that a port in use stops the start."""
        admin, probes = self.config.admin, self.config.admin.probes
        shared = admin.socketOptions.reusePort
        self.servers = Servers(self.reactor, self.guard, self._on_exhausted, naming_log)
        with ExitStack() as bound:
            bound.callback(self.servers.close)
            self.servers.bind(self.assemblies.values())
            self._admin_socket = bound.enter_context(open_socket(admin.ip, admin.port, shared=shared))
            self._probes = []
            if probes is not None:
                self._probes.append(open_socket(probes.ip, probes.port, "admin.probes", shared=shared))
                bound.enter_context(self._probes[0])
                if probes.socket is not None:
                    self._probes.append(bound.enter_context(open_unix(FilePath(probes.socket))))
            self.ourselves.ports.update(each.getsockname()[1] for each in (self._admin_socket, *self._probes[:1]))
            bound.pop_all()

    def _arm(self) -> None:
        """Get interception ready, if it is configured: it runs beside the servers."""
        config, point = self.config.intercept, self.servers.capture_point
        if config is None or point is None:
            return
        from noderouter.interception.control.controller import (
            Dependencies,
            InterceptionController,
        )  # a router without it starts a tenth sooner

        cluster = self._runtime.clusters.get(config.access)
        lent = Dependencies(cluster, self.destinations, self.clients, self._not_ready, self.metrics, naming_log)
        self.arming = InterceptionController(config, point, lent)
        self._states["/intercept.json"] = self.arming.state

    def _start(self, serving: trio.Nursery) -> None:
        """Start what runs beside the data path."""
        watch_process(self.metrics, self.guard.memory_limit)
        self.guard.gauges(self.metrics)
        watch_log(self.metrics, self.config.log.maxQueueKB * 1024)
        if self.recent is not None:
            recent_gauges(self.metrics.scope("telemetry", "recent_requests"), self.recent)
        self.metrics.gauge("reactor/tasks", lambda: len(self.reactor.tasks))
        self.metrics.tally("reactor/crashes", lambda: self.reactor.crashes)
        self.metrics.gauge("reactor/control_lag_ms", lambda: self.lag.take() * 1000)
        serving.start_soon(self._sweep)
        serving.start_soon(self.lag.watch)
        serving.start_soon(self.guard.watch)
        serving.start_soon(memory.keep_settled)
        serving.start_soon(memory.keep_trimmed)
        serving.start_soon(turn_windows, self.metrics)
        serving.start_soon(self._serve_admin)
        if self.arming is not None:
            serving.start_soon(self.arming.run)

    async def _drain(self, told: float) -> None:
        """Let requests in progress end, up to the grace period since we were `told` to end (monotonic)."""
        await self.servers.hand_over()
        grace = max(0.0, told + self.config.admin.shutdownGraceMs / 1000 - monotonic())
        self.servers.drain()
        _log.info("router.draining", grace_seconds=grace, connections=self.servers.connections())
        with trio.move_on_after(grace) as scope:
            await self.servers.empty()
        if scope.cancelled_caught:
            _log.warning("router.drain_deadline", connections=self.servers.connections())
            self.servers.abort()
            with trio.move_on_after(UNWIND_SECONDS):
                await self.servers.empty()
        self._admin_stop.set()
        with trio.move_on_after(ADMIN_SECONDS):
            await self._admin_ended.wait()

    async def _serve_admin(self) -> None:
        try:
            await serve_admin(self._admin_socket, self._admin_state(), self._admin_stop, probes=self._probes)
        finally:
            self._admin_ended.set()

    async def _watch_signals(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """SIGTERM and SIGINT drain; a second one ends the process at once.

        A first one after `/admin/shutdown` changes nothing: that is what the kubelet sends behind a preStop hook.
        """
        seen = 0
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                seen += 1
                if seen > 1:
                    _log.warning("router.killed", signal=signal.Signals(number).name)
                    farewell(0.2)
                    os._exit(128 + number)
                _log.info("router.stopping", signal=signal.Signals(number).name)
                self.stopping.set()

    async def _sweep(self) -> None:
        """Housekeeping of all routers, off the data path."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = monotonic()
            pace = Pace()
            for steps in (
                *(assembly.sweep(now) for assembly in self.assemblies.values()),
                *self.servers.check(now),
            ):
                for _ in steps:
                    if pace.due():
                        await pace.rest()
            self._watches.update()
            for gauges in self._dtab_gauges:
                gauges.update()

    # What others are told

    def _on_crash(self, task: Task, error: BaseException) -> None:
        _log.error("reactor.crash", task=str(task.name), exc_info=error)

    def _on_exhausted(self, error: OSError) -> None:
        _log.error("server.exhausted", reason=error.strerror, hint="raise the limit of open files (RLIMIT_NOFILE)")

    def _readiness(self) -> tuple[bool, list[str]]:
        """Ready when every interpreter has what it needs, pods have been captured once, and not shutting down."""
        lines = [f"draining: {self.stopping.is_set()}", f"overload: {self.guard.words()}"]
        ready = not (self.stopping.is_set() or self.servers.waiting)
        if self.servers.waiting:
            lines.append("servers: another router of this node serves until this one is ready")
        for label, assembly in self.assemblies.items():
            known = assembly.interpreter.readiness()
            ready = ready and known.ready
            lines.append(f"router {label}: {known.reason}")
        if self.arming is not None:
            known = self.arming.readiness()
            ready = ready and known.ready
            lines.append(f"interception: {known.reason}")
        return ready, lines

    def _missing_to_succeed(self) -> list[str]:
        """What another router that serves already has and this one does not, in words."""
        lacks = []
        for label, assembly in self.assemblies.items():
            known = assembly.interpreter.readiness()
            stored = self._dtabs.get(label)
            # A table that does not exist makes nobody unready; but another may have what was taken away meanwhile.
            gone = stored is not None and stored.last_error is not None and not (stored.dtab or assembly.config.dtab)
            if gone or not known.ready:
                lacks.append(f"router {label}: {known.reason}")
        return lacks if self.arming is None else [*lacks, *self.arming.missing_to_succeed()]

    def _not_ready(self) -> Iterator[str]:
        """What routers lack before connections may be sent to them without asking."""
        yield from self.guard.missing()
        for label, assembly in self.assemblies.items():
            known = assembly.interpreter.readiness()
            if not known.ready:
                yield f"router {label}: {known.reason}"
            elif not (assembly.config.dtab or assembly.interpreter.stored_dtab()):
                # Also where somebody deletes the ConfigMap: who has asked for no router is better off without one.
                yield f"router {label}: its dtab is empty, so that nothing could be routed"

    def _admin_state(self) -> AdminState:
        config = self.config
        return AdminState(
            config=dump(config),
            metrics=self.metrics,
            routers={label: RouterFace(assembly) for label, assembly in self.assemblies.items()},
            delegate=self._delegate_outside,
            readiness=self._readiness,
            shutdown=self.stopping.set,
            levels=log.levels,
            version=__version__,
            states=self._states,
            dtab_hashes=lambda: {label: stored.hash or "none" for label, stored in self._dtabs.items()},
            reactor_tasks=lambda: describe_tasks(self.reactor),
            expositions=expositions_of(config.telemetry),
            outlook=None if self.arming is None else self.arming.outlook,
            recent_requests=self.recent,
            security=config.admin.security,
            hosts=self._admin_hosts(),
            max_connections=config.admin.maxConnections,
            started=self.started,
        )

    def _admin_hosts(self) -> frozenset[str]:
        """Those of the configuration; a Service, `<name>.<namespace>.svc`, by its full name as well."""
        hosts = self.config.admin.hosts
        services = [host for host in hosts if host.endswith(".svc")]
        domain = self._cluster_domain() if services else ""
        return frozenset([*hosts, *(f"{service}.{domain}" for service in services if domain)])

    async def _delegate_outside(self, path: Path, dtab: Dtab) -> Any:
        return (await self._outside.delegate(path, dtab)).json(delegated)


def naming_log(level: int, event: str, /, **fields: Any) -> None:
    """Write one event of a part that does not know how logs are made."""
    _log.log(level, event, **fields)
