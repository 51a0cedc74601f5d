"""What we know of the objects of a collection: the state machine behind every watch (sans-io).

A collection is watched in *parts*: the names somebody wants. A list makes parts known, a watch keeps them current.

Rules:
    1. A list is the truth for its parts: what is not in it is gone. It counts when its last page has come, not before.
    2. `version` is where the next watch goes on from. Parts that were listed later have a floor above it: events up to
       the floor are older than what the list said.
    3. Versions only grow within a stream (a guarantee of the API). An event that is not newer is dropped.
    4. `expire` (410) forgets where we were, never what we know: it stays in effect until a new list replaces it.

The state machine of a part:

    unknown --list--> known --expire--> stale --list--> known
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from noderouter.kubernetes.errors import GONE, ApiError, MalformedAnswer

T = TypeVar("T")

Project = Callable[[Mapping[str, Any]], tuple[str, T] | None]
"""Makes of an object the part it belongs to and what is kept of it; None where it is none of ours."""

Changed = Callable[[str, str | None], None]
"""Called with a part, and the key of the object that has changed there; None where it was listed."""

_CHANGES: Final = frozenset(("ADDED", "MODIFIED", "DELETED"))


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One object, as far as it is kept."""

    part: str
    version: str
    value: T


@dataclass(slots=True)
class Counts:
    """Counters for the admin interface."""

    lists: int = 0
    events: int = 0
    ignored: int = 0
    """Events that changed nothing: older than what is known, or about something else."""


class Replica(Generic[T]):
    """The objects of some parts of one collection.

    `changed` is called for each part that is another than before.
    """

    def __init__(self, project: Project[T], changed: Changed) -> None:
        self.version = ""
        """Where a watch goes on from; empty where a list has to come first."""
        self.generation = 0
        """Moves when a watch that is under way must not go on: its place in the stream is no longer ours."""
        self.counts = Counts()
        self._project = project
        self._changed = changed
        self._entries: dict[str, Entry[T]] = {}
        self._parts: dict[str, dict[str, Entry[T]]] = {}
        self._floors: dict[str, str] = {}
        self._stale: set[str] = set()

    def __repr__(self) -> str:
        return f"<Replica version={self.version or '-'} parts={len(self._floors)} objects={len(self._entries)}>"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def known(self) -> Collection[str]:
        """The parts that were listed and not given up since."""
        return self._floors.keys()

    def of(self, part: str) -> Iterator[T]:
        """Yield what is kept of the objects of a part, in the order of their keys."""
        entries = self._parts.get(part, {})
        return (entries[key].value for key in sorted(entries))

    def missing(self, wanted: Iterable[str]) -> frozenset[str]:
        """Return those of the `wanted` parts that have to be listed."""
        return frozenset(part for part in wanted if part not in self._floors)

    def get(self, key: str) -> T | None:
        """Return what is kept of one object."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def is_stale(self, parts: Iterable[str]) -> bool:
        """Whether any of the `parts` is known from before our version expired: a list must be no older."""
        return not self._stale.isdisjoint(parts)

    # Lists

    def listing(self, parts: frozenset[str]) -> "Listing[T]":
        """Begin to take in a list of `parts`."""
        return Listing(self, parts)

    def _listed(self, parts: frozenset[str], found: dict[str, dict[str, Entry[T]]], version: str) -> None:
        self.counts.lists += 1
        self.generation += 1
        self._go_on_from(version)
        changed = []
        for part in parts:
            entries = found.get(part, {})
            if part not in self._floors or entries != self._parts.get(part, {}):
                changed.append(part)
            self._replace(part, entries)
            self._floors[part] = version
        self._stale -= parts
        for part in changed:
            self._changed(part, None)

    def _go_on_from(self, version: str) -> None:
        """Let the next watch, over old and new parts, start where it misses nothing of either."""
        if not self.version:
            self.version = version
        elif is_newer(self.version, version):
            # The list was an older one than what we have seen: the watch goes back, the old parts do not.
            for part, floor in self._floors.items():
                if is_newer(self.version, floor):
                    self._floors[part] = self.version
            self.version = version

    def _replace(self, part: str, entries: dict[str, Entry[T]]) -> None:
        for key in self._parts.pop(part, {}):
            if self._entries[key].part == part:
                del self._entries[key]
        for key, entry in entries.items():
            self._put(key, entry)

    # Events

    def apply(self, event: object) -> None:
        """Take in one value of a watch.

        Raises:
            ApiError: it is an error event; 410 has expired the replica.
            MalformedAnswer: it is no event.
        """
        kind, thing = _parsed(event)
        self.counts.events += 1
        if kind == "ERROR":
            code = thing.get("code")
            status = code if isinstance(code, int) else 500
            if status == GONE:
                self.expire()
            raise ApiError(
                f"the watch was ended: {thing.get('message') or thing.get('reason') or status}", status=status
            )
        version = _version(thing)
        if kind == "BOOKMARK":
            if not self.version or is_newer(version, self.version):
                self.version = version
            return
        if kind not in _CHANGES:
            raise MalformedAnswer(f"an event of the unknown type {kind[:40]!r}")
        if self.version and not is_newer(version, self.version):
            self.counts.ignored += 1
            return
        self.version = version
        if not self._take(kind, thing, version):
            self.counts.ignored += 1

    def _take(self, kind: str, thing: Mapping[str, Any], version: str) -> bool:
        """Whether the event concerned a known part, and was new."""
        key = key_of(thing)
        old = self._entries.get(key)
        projected = None if kind == "DELETED" else self._project(thing)
        part = old.part if projected is None and old is not None else projected[0] if projected is not None else None
        if part is None or part not in self._floors or not is_newer(version, self._floors[part]):
            return False
        if projected is None:
            self._drop(key)
        else:
            if old is not None and old.part != part:
                self._drop(key)
                self._changed(old.part, key)
            self._put(key, Entry(part, version, projected[1]))
        if old is None or projected is None or old.part != part or old.value != projected[1]:
            self._changed(part, key)
        return True

    def _put(self, key: str, entry: Entry[T]) -> None:
        self._entries[key] = entry
        self._parts.setdefault(entry.part, {})[key] = entry

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key)
        entries = self._parts[entry.part]
        del entries[key]
        if not entries:
            del self._parts[entry.part]

    # Giving up

    def expire(self) -> None:
        """Mark everything to be listed again: our version is too old. What is known stays in effect."""
        self.version = ""
        self.generation += 1
        self._stale.update(self._floors)
        self._floors.clear()

    def forget(self, part: str) -> None:
        """Drop `part`, which is no longer wanted."""
        self._floors.pop(part, None)
        self._stale.discard(part)
        self._replace(part, {})
        if not self._floors:
            self.version = ""


class Listing(Generic[T]):
    """A list that is coming in; nothing counts before `finish`."""

    def __init__(self, replica: Replica[T], parts: frozenset[str]) -> None:
        self._replica = replica
        self._parts = parts
        self._found: dict[str, dict[str, Entry[T]]] = {}

    def add(self, thing: Mapping[str, Any]) -> None:
        """Take in one object; if this version of it is known already, its projection is used again."""
        key, version = key_of(thing), _version(thing)
        known = self._replica._entries.get(key)
        if known is not None and known.version == version:
            self._keep(key, known)
            return
        projected = self._replica._project(thing)
        if projected is not None:
            self._keep(key, Entry(projected[0], version, projected[1]))

    def _keep(self, key: str, entry: Entry[T]) -> None:
        if entry.part in self._parts:
            self._found.setdefault(entry.part, {})[key] = entry

    def finish(self, version: str) -> None:
        """Complete the list; its collection was at `version`."""
        self._replica._listed(self._parts, self._found, version)


def is_newer(version: str, than: str) -> bool:
    """Whether one version comes after another. Versions are numbers; where one is not, assume that it does."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return True


def key_of(thing: Mapping[str, Any]) -> str:
    """`<namespace>/<name>`.

    Raises:
        MalformedAnswer: it has no name.
    """
    metadata = thing.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not isinstance(metadata, dict):
        raise MalformedAnswer("an object without a name")
    return f"{metadata.get('namespace') or ''}/{name}"


def _version(thing: Mapping[str, Any]) -> str:
    metadata = thing.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if not isinstance(version, str) or not version:
        raise MalformedAnswer("an object without a resourceVersion")
    return version


def _parsed(event: object) -> tuple[str, Mapping[str, Any]]:
    if isinstance(event, dict):
        kind, thing = event.get("type"), event.get("object")
        if isinstance(kind, str) and isinstance(thing, dict):
            return kind, thing
    raise MalformedAnswer("a watch delivered something that is not an event")
