"""What carries requests: the reactor, the routers on it, their servers, and the bounds that all of them share.

`App` hosts the reactor. What others show of it they get as values (`WorkerState`, `client_state`, `stacks`, `tasks`);
`App` and `ControlPlane` build on `guard`, `servers` and `reactor`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from logging import ERROR
from random import Random
from typing import Any

from noderouter.admin.dashboard.seen import Client
from noderouter.assembly.guards import sources
from noderouter.assembly.router import RouterAssembly, build_router
from noderouter.assembly.seen import branches_of, clients_of, rates_of
from noderouter.assembly.stacks import stacks_of_router
from noderouter.assembly.surroundings import CaptureIndex, Surroundings
from noderouter.config.config import Config
from noderouter.core.addr import Addr
from noderouter.core.background import Log
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.host_port import join_host_port
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.naming.interpreter.whatif import Asked
from noderouter.overload.descriptors import places_for_clients
from noderouter.overload.guard import Guard
from noderouter.policy.authorizer import Authorizer
from noderouter.proxy.client.ourselves import Ourselves
from noderouter.proxy.limit.rates import StoredLimits
from noderouter.proxy.listener.gauges import handshake_gauges
from noderouter.proxy.listener.handshakes import Handshakes
from noderouter.proxy.router.scopes import element
from noderouter.reactor.describe import describe_tasks
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task
from noderouter.servers import Servers
from noderouter.telemetry.edges import Edge
from noderouter.telemetry.observe import Observers
from noderouter.telemetry.telemeter.kind import sampler_of
from noderouter.telemetry.tree import Scope
from noderouter.tls.certificates import Certificates
from noderouter.tokens.sources import OpenKeys


@dataclass(frozen=True, slots=True)
class WorkerState:
    """How a worker is doing."""

    waiting: bool
    """Whether another router serves meanwhile."""
    overload: str
    """In a line."""
    missing: tuple[str, ...]
    """Why connections should not be sent to it without asking."""


class Worker:
    """The data plane of one process."""

    def __init__(self, config: Config, metrics: Scope, log: Log) -> None:
        """Opens nothing yet but the reactor."""
        self.reactor = Reactor(self._on_crash)
        self.guard = Guard(config.overload, places_for_clients(), self.reactor, log)
        self.servers = Servers(self.reactor, self.guard, self._on_exhausted, log)
        self.handshakes = Handshakes(at_door=max(1, self.guard.places.most // 2))
        self.routers: dict[str, RouterAssembly] = {}
        """By label."""
        self._config = config
        self._metrics = metrics
        self._log = log

    def assemble(
        self,
        interpreters: Mapping[str, Interpreter],
        ourselves: Ourselves,
        index: CaptureIndex,
        clients: ClientNamespaces,
        observers: Observers,
        certificates: Certificates,
        open_keys: OpenKeys,
        authorizer: Authorizer | None = None,
        limits: StoredLimits | None = None,
    ) -> None:
        """Build every router, with the interpreter of its label and what the control plane keeps filled.

        `limits` are those on rates; None where there is no place for them.
        """
        around = Surroundings(
            reactor=self.reactor,
            metrics=self._metrics,
            rng=Random(),
            log=self._log,
            capture_index=index,
            ourselves=ourselves,
            namers=self._config.namers,
            admit_binding=self.guard.bindings.admit,
            observers=observers,
            sampler=sampler_of(self._config.telemetry),
            clients=clients,
            authorizer=authorizer,
            limits=limits,
            source=sources(authorizer, self._config.overload.ipv6PrefixLength),
            certificates=certificates,
            handshakes=self.handshakes,
            open_keys=open_keys,
        )
        for config in self._config.routers:
            router = self.routers[config.label] = build_router(config, interpreters[config.label], around)
            self.guard.join(router.router)

    def bind(self) -> None:
        """Bind every server.

        Raises:
            ListenError: an address cannot be listened on.
        """
        self.servers.bind(self.routers.values())

    def gauges(self) -> None:
        """Put the metrics of all routers together in their places."""
        self.guard.gauges(self._metrics)
        handshake_gauges(self._metrics.scope("tls"), self.handshakes)
        self._metrics.gauge("reactor/tasks", lambda: len(self.reactor.tasks))
        self._metrics.tally("reactor/crashes", lambda: self.reactor.crashes)

    def sweep(self, now: float) -> Iterator[Iterator[None]]:
        """Housekeeping, about twice a second, in short steps."""
        for router in self.routers.values():
            yield router.sweep(now)
        yield from self.servers.check(now)

    def turn_edges(self) -> Iterator[None]:
        """Note who has called whom up to now, each ten seconds, in short steps."""
        for router in self.routers.values():
            yield from router.edges.turn()

    def close(self) -> None:
        """Release every router; no exchange is in flight."""
        for router in self.routers.values():
            router.close()

    # What others are told

    def state(self) -> WorkerState:
        """How it is now."""
        return WorkerState(self.servers.waiting, self.guard.words(), tuple(self.guard.missing()))

    def client_state(self, label: str) -> Mapping[str, Addr]:
        """The address of each client of a router, by its bound name."""
        return {client.id.show(): client.addr for client in self.routers[label].router.clients}

    def branches(self, label: str) -> Iterable[tuple[str, list[tuple[str, float]]]]:
        """Where the names of a router lead, and with which shares (`assembly/seen.py`)."""
        return branches_of(self.routers[label])

    def clients(self, label: str) -> Iterable[Client]:
        """The clients of a router with their endpoints, as they are now."""
        return clients_of(self.routers[label])

    def stacks(self, label: str) -> Mapping[str, Any]:
        """What the stacks of a router are made of (`assembly/stacks.py`), ready for `portions.json_object`."""
        router = self.routers[label]
        servers = {join_host_port(*address): built for address, built in self.servers.built(router).items()}
        return stacks_of_router(router, servers)

    def asked(self, label: str) -> Iterator[Asked]:
        """The names that a router was asked for lately, with their rates; not those under dtabs of requests."""
        router = self.routers[label]
        for named in router.router.names:
            if named.local is None:
                scope = router.scope.child("service", element(named.path))
                stats = None if scope is None else scope.stats
                yield Asked(named.path, 0.0 if stats is None else stats.lately())

    def edges(self, label: str) -> Iterable[Edge]:
        """Who calls whom through a router."""
        return self.routers[label].edges

    def limits(self) -> dict[str, Any]:
        """The limits on rates that are in effect, by router and name, ready for JSON."""
        return {label: rates_of(router) for label, router in self.routers.items()}

    def tasks(self) -> Iterable[str]:
        """A few lines for each task: name, how long it has waited, stack."""
        return describe_tasks(self.reactor)

    def _on_crash(self, task: Task, error: BaseException) -> None:
        self._log(ERROR, "reactor.crash", task=str(task.name), exc_info=error)

    def _on_exhausted(self, error: OSError) -> None:
        hint = "raise the limit of open files (RLIMIT_NOFILE)"
        self._log(ERROR, "server.exhausted", reason=error.strerror, hint=hint)
