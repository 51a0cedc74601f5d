"""The objects of a fake API server: versions, history, selectors; what the real one does, as far as we need it."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

Object = dict[str, Any]
Matches = Callable[[Object], bool]

KINDS = {
    "services": "Service",
    "endpointslices": "EndpointSlice",
    "endpoints": "Endpoints",
    "configmaps": "ConfigMap",
    "pods": "Pod",
    "namespaces": "Namespace",
}
FIELDS = {
    "metadata.name": lambda thing: thing["metadata"]["name"],
    "metadata.namespace": lambda thing: thing["metadata"]["namespace"],
    "spec.nodeName": lambda thing: thing["spec"].get("nodeName", ""),
}
"""What can be selected by, of all objects or of pods."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history: the object after and before; None where there was none."""

    version: int
    plural: str
    new: Object | None
    old: Object | None

    def seen_by(self, matches: Matches) -> tuple[str, Object] | None:
        """What a watch with a selector sees of it."""
        before = self.old is not None and matches(self.old)
        if self.new is not None and matches(self.new):
            return ("MODIFIED" if before else "ADDED"), self.new
        if before:
            assert self.old is not None
            last = copy.deepcopy(self.old)
            last["metadata"]["resourceVersion"] = str(self.version)
            return "DELETED", last
        return None


class Store:
    """All objects, and the history since the last compaction. `changed` is called after each change."""

    def __init__(self) -> None:
        self.version = 100
        self.compacted = 0
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.history: list[Change] = []
        self.changed: Callable[[], None] = lambda: None

    def put(self, plural: str, thing: Object) -> Object:
        """Create or replace an object; it gets a version, and a uid when it is new."""
        thing = dict(thing)  # what is below is never changed, by nobody
        metadata = dict(thing["metadata"])
        metadata.setdefault("namespace", "default")
        key = (plural, metadata["namespace"], metadata["name"])
        old = self.objects.get(key)
        self.version += 1
        uid = old["metadata"]["uid"] if old else f"uid-{self.version}"
        thing["metadata"] = {**metadata, "uid": uid, "resourceVersion": str(self.version)}
        thing.setdefault("kind", KINDS.get(plural, plural))
        self.objects[key] = thing
        self._note(Change(self.version, plural, thing, old))
        return thing

    def delete(self, plural: str, name: str, namespace: str = "default") -> Object | None:
        """Take an object away."""
        old = self.objects.pop((plural, namespace, name), None)
        if old is not None:
            self.version += 1
            self._note(Change(self.version, plural, None, old))
        return old

    def get(self, plural: str, name: str, namespace: str = "default") -> Object | None:
        """One object."""
        return self.objects.get((plural, namespace, name))

    def compact(self) -> None:
        """Forget the history: watches from before are answered 410 from now on."""
        self.trim(0)

    def trim(self, keep: int) -> None:
        """Forget all of the history but the last `keep` changes."""
        del self.history[: max(0, len(self.history) - keep)]
        self.compacted = self.version - len(self.history)

    def matching(self, plural: str, matches: Matches) -> list[Object]:
        """The objects of a collection, in the order of their keys."""
        found = [(key, thing) for key, thing in self.objects.items() if key[0] == plural and matches(thing)]
        return [thing for _, thing in sorted(found, key=itemgetter(0))]

    def since(self, version: int, plural: str) -> Iterator[Change]:
        """The changes of a collection after a version."""
        start = max(0, version + 1 - self.history[0].version) if self.history else 0  # each change is one version
        # By index: many watches ask after each change, and walking up to `start` would be most of their work.
        found = (self.history[at] for at in range(start, len(self.history)))
        return (change for change in found if change.plural == plural)

    def _note(self, change: Change) -> None:
        self.history.append(change)
        self.changed()


def selector(namespace: str, query: dict[str, str]) -> Matches:
    """What a namespace, `labelSelector` and `fieldSelector` let through."""
    labels = _requirements(query.get("labelSelector", ""))
    fields = [part.split("=", 1) for part in query.get("fieldSelector", "").split(",") if part]

    def matches(thing: Object) -> bool:
        metadata = thing["metadata"]
        if namespace and metadata["namespace"] != namespace:
            return False
        for path, wanted in fields:
            if FIELDS[path](thing) != wanted:
                return False
        own = metadata.get("labels") or {}
        return all(own.get(key) in allowed for key, allowed in labels)

    return matches


def _requirements(text: str) -> list[tuple[str, set[str]]]:
    """`key in (a,b),other=c`."""
    found = re.findall(r"([^\s,()=]+)\s*(?: in \(([^)]*)\)|==?([^,]*))", text)
    return [(key, set(several.split(",")) if several else {one}) for key, several, one in found]


def line(kind: str, thing: Object) -> bytes:
    """An event as it stands in a watch."""
    return json.dumps({"type": kind, "object": thing}, separators=(",", ":")).encode() + b"\n"
