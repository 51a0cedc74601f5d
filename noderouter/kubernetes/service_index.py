"""All Services of the cluster (or, without the right to that, of each namespace that somebody needs), by name.

All, because a name that does not exist is then known to be Neg at once and without asking: made-up names cost the API
nothing. A Service takes a few hundred bytes here, and changes seldom; what changes all the time are its endpoints, and
those are watched for what is routed to only (`slice_watches.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from noderouter.core.var import Var, Watched
from noderouter.kubernetes.cluster_context import ClusterContext
from noderouter.kubernetes.paths import services
from noderouter.kubernetes.reflector import Reflector, Subject, linger
from noderouter.kubernetes.replica import Replica
from noderouter.kubernetes.service import Service, project_service
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.kubernetes.watch_health import WatchHealth

MAX_NAMESPACES: Final = 64
"""Namespaces that are read one by one, at most; more need the right to read all at once."""
ALL: Final = "*"
"""The one part of these watches."""


class ServiceIndex:
    """Finds Services. Nothing is watched before one is held."""

    def __init__(self, context: ClusterContext) -> None:
        self.nodes: dict[str, Node] = {}
        """Those that are held, by `<namespace>/<name>`."""
        self._context = context
        self._scopes: dict[str, Scope] = {}

    def service(self, namespace: str, name: str) -> Var[State[Service]]:
        """Return a Service; watched while the Var is held."""
        key = f"{namespace}/{name}"
        return self.nodes.get(key) or Node(self, namespace, key)

    def reached(self) -> None:
        """Capabilities are known: attach every held Service to a watch."""
        for node in list(self.nodes.values()):
            self.attach(node)

    def unreachable(self, reason: str) -> None:
        """Capabilities are not known, for this reason: pass it to every held Service."""
        for node in self.nodes.values():
            node.trouble(reason)

    def attach(self, node: "Node") -> None:
        """Attach a node to the watch of its namespace, made if missing."""
        capabilities = self._context.capabilities()
        if capabilities is None:
            return
        name = "" if capabilities.all_services else node.namespace
        scope = self._scopes.get(name)
        if scope is None:
            if len(self._scopes) >= MAX_NAMESPACES:
                node.trouble(f"more than {MAX_NAMESPACES} namespaces, and no right to list services in all of them")
                return
            scope = self._scopes[name] = Scope(self._context, name, self.held_in, self._ended)
        scope.look(node)

    def held_in(self, namespace: str) -> Iterator["Node"]:
        """Return the held nodes of a scope."""
        return (node for node in list(self.nodes.values()) if not namespace or node.namespace == namespace)

    def healths(self) -> Iterator[WatchHealth]:
        """Return the health of each watch."""
        return (scope.reflector.health for scope in self._scopes.values())

    def __len__(self) -> int:
        """The number of Services that are known."""
        return sum(len(scope.replica) for scope in self._scopes.values())

    def _ended(self, scope: "Scope") -> None:
        del self._scopes[scope.namespace]


class Node(Watched[State[Service]]):
    """One Service that is held."""

    __slots__ = ("index", "key", "namespace")

    def __init__(self, index: ServiceIndex, namespace: str, key: str) -> None:
        super().__init__(Unknown())
        self.index = index
        self.namespace = namespace
        self.key = key

    def open(self) -> None:
        """Attach the Service to a watch; where its namespace is watched already, it is known when this returns."""
        self.index.nodes[self.key] = self
        self.set(Unknown())
        self.index.attach(self)

    def close(self) -> None:
        """Detach the Service."""
        if self.index.nodes.get(self.key) is self:
            del self.index.nodes[self.key]

    def trouble(self, reason: str) -> None:
        """Show why the Service cannot be known. What was known stays."""
        if isinstance(self.value, Unknown | Unreachable):
            self.set(Unreachable(reason))


class Scope:
    """The Services of one namespace, or of all where it is empty."""

    def __init__(
        self,
        context: ClusterContext,
        namespace: str,
        held: Callable[[str], Iterator[Node]],
        ended: Callable[["Scope"], None],
    ) -> None:
        self.namespace = namespace
        self._context = context
        self._held = held
        self._ended = ended
        self.replica: Replica[Service] = Replica(_project, self._changed)
        subject = Subject(
            name=f"services/{namespace or ALL}",
            path=services(namespace).path,
            query=lambda _parts: {},
            wanted=lambda: (ALL,),
            unreachable=self._unreachable,
        )
        self.reflector = Reflector(context.api, subject, self.replica, context.timing, context.log)
        context.start_soon(self._run, name=f"kubernetes {subject.name}")

    def look(self, node: Node) -> None:
        """Set a node to what is known of it."""
        if self.replica.known or self.replica.is_stale((ALL,)):
            service = self.replica.get(node.key)
            node.set(Absent() if service is None else Present(service))
        elif self.reflector.trouble is not None:
            node.trouble(self.reflector.trouble)

    async def _run(self) -> None:
        while self._needed():
            await linger(self.reflector, self._needed, self._context.timing.linger)
        self._ended(self)

    def _needed(self) -> bool:
        return next(self._held(self.namespace), None) is not None

    def _changed(self, _part: str, key: str | None) -> None:
        for node in self._held(self.namespace):
            if key is None or node.key == key:
                self.look(node)

    def _unreachable(self, reason: str) -> None:
        for node in self._held(self.namespace):
            node.trouble(reason)


def _project(thing: Mapping[str, Any]) -> tuple[str, Service]:
    return ALL, project_service(thing)
