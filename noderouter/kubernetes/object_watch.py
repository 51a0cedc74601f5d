"""One object by its name, such as a ConfigMap: watched while its Var is held.

    Unknown       before the first list
    Present       the object, as the API sent it
    Absent        it does not exist; also when it was deleted
    Unreachable   never seen, and the API will not or cannot say

Once something is known it stays in effect through any outage.
"""

from collections.abc import Mapping
from typing import Any

from noderouter.core.var import Var
from noderouter.kubernetes.cluster_context import ClusterContext
from noderouter.kubernetes.paths import Resource
from noderouter.kubernetes.reflector import Reflector, Subject, linger
from noderouter.kubernetes.replica import Replica
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.kubernetes.watch_health import WatchHealth

Object = Mapping[str, Any]


class ObjectWatch:
    """One object; hold `var` to have it watched. `health` is that of the watch."""

    def __init__(self, context: ClusterContext, resource: Resource, name: str) -> None:
        """Opens nothing yet."""
        self.name = name
        self.resource = resource
        self.var: Var[State[Object]] = Var(Unknown(), self)
        self._context = context
        self._running = False
        self._replica: Replica[Object] = Replica(self._project, self._changed)
        subject = Subject(
            name=f"{resource.plural}/{resource.namespace}/{name}",
            path=resource.path,
            query=lambda _parts: {"fieldSelector": f"metadata.name={name}"},
            wanted=lambda: (name,),
            unreachable=self._unreachable,
        )
        self._reflector = Reflector(context.api, subject, self._replica, context.timing, context.log)

    def __repr__(self) -> str:
        return f"<ObjectWatch {self._reflector.subject.name} {type(self.var.value).__name__}>"

    @property
    def health(self) -> WatchHealth:
        """The health of the watch."""
        return self._reflector.health

    def state(self) -> dict[str, Any]:
        """Return the state for the admin interface: running or not, and the watch."""
        return {"running": self._running, "watch": self.health.state()}

    def open(self) -> None:
        """Start the watch: `var` is held."""
        if not self._running:
            self._running = True
            self._context.start_soon(self._run, name=f"kubernetes {self._reflector.subject.name}")

    def close(self) -> None:
        """Do nothing: the task notices that `var` is no longer held."""

    async def _run(self) -> None:
        try:
            while self.var.holders:
                await linger(self._reflector, lambda: self.var.holders, self._context.timing.linger)
        finally:
            self._running = False
        self._replica.forget(self.name)
        self.var.set(Unknown())

    def _project(self, thing: Object) -> tuple[str, Object] | None:
        return (self.name, thing) if thing["metadata"]["name"] == self.name else None

    def _changed(self, _part: str, _key: str | None) -> None:
        found = next(self._replica.of(self.name), None)
        if found is not None:
            self.var.set(Present(found))
        elif self._running:
            self.var.set(Absent())

    def _unreachable(self, reason: str) -> None:
        if isinstance(self.var.value, Unknown | Unreachable):
            self.var.set(Unreachable(reason))
