"""The endpoints of the Services that are routed to, and of no others.

Services are watched in groups: one connection carries the events of up to a hundred of them, selected by the server
(`kubernetes.io/service-name in (a,b,c)`). A Service that is routed to for the first time is listed at once, alone or
with others that came at the same moment, and then joins its group: the group's watch is opened anew, from where it was,
with one name more. See docs/adr/0015.

    a group of one namespace     while few namespaces are routed to, so that nothing else comes along
    a group over all namespaces  beyond `MAX_OWN_GROUPS`, where our rights go so far
    a group of one Service       with Endpoints, which the server cannot select in sets
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import chain, count
from time import monotonic, time
from typing import Any, Final

from noderouter.core.var import Var, Watched
from noderouter.kubernetes.cluster_context import ClusterContext
from noderouter.kubernetes.endpoint_slice import (
    SERVICE_LABEL,
    Slice,
    project_endpoints,
    project_slice,
    reusing,
    service_of,
)
from noderouter.kubernetes.paths import endpoint_slices, endpoints
from noderouter.kubernetes.reflector import Reflector, Subject, linger
from noderouter.kubernetes.replica import Replica, key_of
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.kubernetes.watch_health import WatchHealth, shown

GROUP: Final = 100
"""Services in a group. Their names, of at most 63 characters, stand in the query of a request: below 8 KB."""
MAX_OWN_GROUPS: Final = 16
"""Namespaces that have groups of their own, where all could be read together."""
MAX_SERVICES: Final = 10_000
"""Services that are watched at a time."""

Slices = tuple[Slice, ...]


class SliceWatches:
    """Finds the slices of Services. Nothing is watched before one is held."""

    def __init__(self, context: ClusterContext) -> None:
        self.nodes: dict[str, Node] = {}
        """Those that are watched, by `<namespace>/<name>`."""
        self.context = context
        self.groups: list[Group] = []
        self._full = False
        """Whether a Service waits for a place."""

    def slices(self, namespace: str, name: str) -> Var[State[Slices]]:
        """Return the slices of a Service; watched while the Var is held. `Absent` where there are none."""
        key = f"{namespace}/{name}"
        return self.nodes.get(key) or Node(self, namespace, name)

    def reached(self) -> None:
        """Capabilities are known: attach every held Service to a group."""
        for node in list(self.nodes.values()):
            if node.group is None:
                self.attach(node)

    def unreachable(self, reason: str) -> None:
        """Capabilities are not known, for this reason: pass it to every held Service."""
        for node in self.nodes.values():
            node.trouble(reason)

    def attach(self, node: "Node") -> None:
        """Put a node into a group."""
        capabilities = self.context.capabilities()
        if capabilities is None:
            return
        if sum(len(group.nodes) for group in self.groups) >= MAX_SERVICES:
            self._full = True
            node.trouble(f"the endpoints of {MAX_SERVICES} services are watched already")
            return
        room = GROUP if capabilities.slices else 1
        namespace = node.namespace
        own = {group.namespace for group in self.groups}
        if (
            capabilities.slices
            and capabilities.all_endpoints
            and namespace not in own
            and len(own - {""}) >= MAX_OWN_GROUPS
        ):
            namespace = ""
        for group in self.groups:
            if group.namespace == namespace and len(group.nodes) < room:
                break
        else:
            group = Group(self, namespace, slices=capabilities.slices)
            self.groups.append(group)
        group.join(node)

    def left(self) -> None:
        """Attach the Services that wait for a place, if there are any."""
        if self._full:
            self._full = False
            self.reached()

    def free_name(self, name: str) -> str:
        """Return a name for a new group: `name`, or with a number behind where that is taken."""
        taken = {group.reflector.subject.name for group in self.groups}
        return next(free for free in chain((name,), (f"{name}/{number}" for number in count(2))) if free not in taken)

    def healths(self) -> Iterator[WatchHealth]:
        """Return the health of each watch."""
        return (group.reflector.health for group in self.groups)


class Node(Watched[State[Slices]]):
    """One Service whose endpoints are held."""

    __slots__ = ("group", "idle_since", "key", "name", "namespace", "started_at", "updated_at", "watches")

    def __init__(self, watches: SliceWatches, namespace: str, name: str) -> None:
        super().__init__(Unknown())
        self.watches = watches
        self.namespace = namespace
        self.name = name
        self.key = f"{namespace}/{name}"
        self.group: Group | None = None
        self.idle_since = self.started_at = self.updated_at = 0.0

    def open(self) -> None:
        """Attach the Service to a group."""
        if self.group is None:
            self.set(Unknown())
            self.started_at = time()
            self.watches.nodes[self.key] = self
            self.watches.attach(self)

    def close(self) -> None:
        """Note when the Service was last held: it stays watched for a while, in case that it is held again."""
        self.idle_since = monotonic()
        if self.group is None:
            self.forget()

    def expired(self, linger: float) -> bool:
        """Whether it has not been held for `linger` seconds."""
        return not self.holders and monotonic() - self.idle_since >= linger

    def forget(self) -> None:
        """Note that it is no longer watched."""
        self.group = None
        if self.watches.nodes.get(self.key) is self:
            del self.watches.nodes[self.key]

    def trouble(self, reason: str) -> None:
        """Show why the endpoints cannot be known. What was known stays."""
        if isinstance(self.value, Unknown | Unreachable):
            self.set(Unreachable(reason))

    def state(self) -> dict[str, Any]:
        """Return the state for the admin interface (docs/linkerd1.md section 7.4)."""
        state: dict[str, Any] = {
            "running": self.group is not None,
            "lastStartedAt": shown(self.started_at),
            "lastUpdatedAt": shown(self.updated_at),
            "value": None,
        }
        value = self.value
        if isinstance(value, Present):
            hosts = [host for each in value.value for host in each.hosts]
            state["value"] = {
                "nsName": self.namespace,
                "serviceName": self.name,
                "endpoints": [{"ip": host.ip, "nodeName": host.node, "ready": host.ready} for host in hosts],
                "ports": {name: number for each in value.value for name, number in each.ports},
            }
        elif isinstance(value, Unreachable):
            state["error"] = value.reason
        return {"state": state, "watch": None if self.group is None else self.group.reflector.health.state()}


class Group:
    """Services that share one watch."""

    def __init__(self, watches: SliceWatches, namespace: str, *, slices: bool) -> None:
        """Without `slices`, Endpoints are read, of the one Service that will join."""
        self.namespace = namespace
        self.nodes: dict[str, Node] = {}
        """By `<namespace>/<name>`."""
        self._watches = watches
        context = watches.context
        self._context = context
        self._part = _part_by_label if slices else key_of
        self._project = _one_slice if slices else project_endpoints
        self._replica: Replica[Slices] = Replica(self._projected, self._changed)
        subject = Subject(
            name=watches.free_name(f"{'endpointslices' if slices else 'endpoints'}/{namespace or '*'}"),
            path=(endpoint_slices(namespace) if slices else endpoints(namespace)).path,
            query=_by_label if slices else _by_name,
            wanted=self._wanted,
            unreachable=self._unreachable,
        )
        self.reflector = Reflector(context.api, subject, self._replica, context.timing, context.log)
        context.start_soon(self._run, name=f"kubernetes {subject.name}")

    def join(self, node: Node) -> None:
        """Have a node watched, too."""
        node.group = self
        self.nodes[node.key] = node
        if node.key in self._replica.known:
            self._changed(node.key, None)  # it was here a moment ago, and the watch has not been opened anew since
            return
        if self.reflector.trouble is not None:
            node.trouble(self.reflector.trouble)
        self.reflector.wake()

    async def _run(self) -> None:
        while self._needed():
            await linger(self.reflector, self._needed, self._context.timing.linger)
        self._watches.groups.remove(self)
        for node in list(self.nodes.values()):
            self._leave(node)

    def _needed(self) -> bool:
        return any(node.holders for node in self.nodes.values())

    def _wanted(self) -> Collection[str]:
        """Return the Services to be watched, without those that have not been held for a while."""
        for node in list(self.nodes.values()):
            if node.expired(self._context.timing.linger):
                self._leave(node)
        return self.nodes.keys()

    def _leave(self, node: Node) -> None:
        del self.nodes[node.key]
        node.forget()
        self._watches.left()

    def _projected(self, thing: Mapping[str, Any]) -> tuple[str, Slices] | None:
        part = self._part(thing)
        if part is None or (part not in self._replica.known and part not in self.nodes):
            return None
        fresh, old = self._project(thing), self._replica.get(key_of(thing)) or ()
        if len(fresh) == len(old):
            fresh = tuple(map(reusing, fresh, old))
        return part, fresh

    def _changed(self, part: str, _key: str | None) -> None:
        node = self.nodes.get(part)
        if node is not None:
            found = tuple(one for several in self._replica.of(part) for one in several)
            node.set(Present(found) if found else Absent())
            node.updated_at = time()

    def _unreachable(self, reason: str) -> None:
        for node in self.nodes.values():
            node.trouble(reason)


def _by_label(parts: Collection[str]) -> dict[str, str]:
    """Return a query for the slices of Services."""
    names = sorted({part.partition("/")[2] for part in parts})
    return {"labelSelector": f"{SERVICE_LABEL} in ({','.join(names)})"}


def _by_name(parts: Collection[str]) -> dict[str, str]:
    """Return a query for the Endpoints of a Service, which have its name."""
    (part,) = parts
    return {"fieldSelector": f"metadata.name={part.partition('/')[2]}"}


def _part_by_label(thing: Mapping[str, Any]) -> str | None:
    name = service_of(thing)
    return None if name is None else f"{thing['metadata'].get('namespace') or ''}/{name}"


def _one_slice(thing: Mapping[str, Any]) -> Slices:
    return (project_slice(thing),)
