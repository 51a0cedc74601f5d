"""All objects of one collection that a query selects, watched from start to end.

What was known once stays in effect through any outage of the API.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.reflector import Reflector, Subject
from noderouter.kubernetes.replica import Replica

ALL: Final = "*"
"""The one part of such a watch."""

T = TypeVar("T")
Object = Mapping[str, Any]


class Collection(Generic[T]):
    """All objects of one collection that a query selects."""

    def __init__(
        self,
        cluster: Cluster,
        watch: str,
        name: str,
        path: str,
        query: dict[str, str],
        project: Callable[[Object], T],
    ) -> None:
        """`watch` is its name in logs and metrics, `name` what people call what is in it. `run` opens the watch."""
        self.synced = False
        """Whether it was listed once."""
        self.changed: Callable[[], None] = lambda: None
        self.name = name

        def projected(thing: Object) -> tuple[str, T]:
            return ALL, project(thing)

        self._replica: Replica[T] = Replica(projected, self._on_change)
        subject = Subject(
            name=watch,
            path=path,
            query=lambda _parts: query,
            wanted=lambda: (ALL,),
        )
        self._reflector: Reflector[T] = cluster.reflector(subject, self._replica)

    def __len__(self) -> int:
        return len(self._replica)

    def __iter__(self) -> Iterator[T]:
        return self._replica.of(ALL)

    async def run(self) -> None:
        """Run the watch until cancelled."""
        await self._reflector.run()

    def missing(self) -> str:
        """Return why the collection is not known yet; empty once it is."""
        if self.synced:
            return ""
        trouble = self._reflector.trouble
        return f"{self.name} are not listed yet" + (f": {trouble}" if trouble else "")

    def _on_change(self, _part: str, _key: str | None) -> None:
        self.synced = True
        self.changed()
