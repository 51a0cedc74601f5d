"""The binding cache: what each name is bound to, as long as it is in use.

Capacity. Names come from clients, so there may be more of them than is good. The cache holds `capacity` bindings.
When it is full, a newcomer takes the place of the binding that was used least recently, provided that one was not
used since the last `sweep`. If all were, the newcomer is served *one-shot*: bound, used, and not kept. So a flood of
names cannot push out those in steady use, nothing is opened and closed in circles, and the cost of the flood is one
binding for each of its requests. `sweep` has to be called about twice a second; it also ends idle bindings.
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar

from dtab import Dtab, Path

DEFAULT_CAPACITY: Final = 1000
DEFAULT_IDLE_SECONDS: Final = 600.0


class Cached(Protocol):
    """What a cache keeps: a binding, or something that has one."""

    path: Path
    local: Dtab | None
    used: float
    """When it was asked for, by the time of `sweep`."""

    def hold(self) -> None:
        """Hold it: the cache keeps it from now on."""
        ...

    def release(self) -> None:
        """Release it: the cache keeps it no longer."""
        ...


B = TypeVar("B", bound=Cached)


class BindingCache(Generic[B]):
    """Bindings by name, and by name and local dtab."""

    __slots__ = (
        "_by_path",
        "_capacity",
        "_idle_seconds",
        "_idlest",
        "_local",
        "_make",
        "_next_expiry",
        "evicts",
        "expires",
        "misses",
        "now",
        "oneshots",
    )

    def __init__(
        self,
        make: Callable[[Path, Dtab | None], B],
        capacity: int = DEFAULT_CAPACITY,
        idle_seconds: float = DEFAULT_IDLE_SECONDS,
    ) -> None:
        """`make` makes a binding; `capacity` of them are kept, each until it was idle for `idle_seconds`."""
        self._make = make
        self._capacity = capacity
        self._idle_seconds = idle_seconds
        # By labels, not by Path: their hash is computed without a call into Python.
        self._by_path: dict[tuple[bytes, ...], B] = {}
        self._local: dict[tuple[Path, Dtab], B] = {}
        self._idlest: list[B] | None = None
        self._next_expiry = 0.0
        self.now = 0.0
        self.misses = self.evicts = self.expires = self.oneshots = 0

    def __len__(self) -> int:
        return len(self._by_path) + len(self._local)

    def __iter__(self) -> Iterator[B]:
        """Those that are kept in this moment."""
        return iter(self._all())

    def get(self, path: Path, local: Dtab | None = None) -> B:
        """Return the binding of `path`, with the dtab that came with the request, if any."""
        if local is None:
            binding = self._by_path.get(path.labels)
        else:
            binding = self._local.get((path, local))
        if binding is None:
            return self._miss(path, local)
        binding.used = self.now
        return binding

    def sweep(self, now: float) -> None:
        """Let time pass: bindings not used since the last sweep may be replaced, long idle ones end."""
        self.now = now
        self._idlest = None
        if now >= self._next_expiry:
            self._next_expiry = now + self._idle_seconds / 60
            expired = [binding for binding in self._all() if now - binding.used >= self._idle_seconds]
            for binding in expired:
                self._drop(binding)
            self.expires += len(expired)

    def let_go(self, most: int) -> int:
        """End up to `most` bindings that were not used since the last sweep; return how many."""
        before = self.evicts
        while self.evicts - before < most and self._make_room():
            pass
        return self.evicts - before

    def evict(self) -> bool:
        """End the least recently used binding, however recent; return whether there was one."""
        self._idlest = None
        bindings = self._all()
        if not bindings:
            return False
        self._drop(min(bindings, key=lambda binding: binding.used))
        self.evicts += 1
        return True

    def clear(self) -> None:
        """End every binding."""
        self._idlest = None
        for binding in self._all():
            self._drop(binding)

    def _all(self) -> list[B]:
        return [*self._by_path.values(), *self._local.values()]

    def _miss(self, path: Path, local: Dtab | None) -> B:
        """Bind a name that is not cached; keep it if there is room, or can be made."""
        self.misses += 1
        binding = self._make(path, local)
        binding.used = self.now
        if len(self) >= self._capacity and not self._make_room():
            self.oneshots += 1
            return binding
        binding.hold()
        if local is None:
            self._by_path[path.labels] = binding
        else:
            self._local[path, local] = binding
        return binding

    def _make_room(self) -> bool:
        """End the least recently used binding, unless all were used since the last sweep."""
        if self._idlest is None:
            self._idlest = [binding for binding in self._all() if binding.used < self.now]
            self._idlest.sort(key=lambda binding: binding.used)
            self._idlest.reverse()  # taken from the end: of equals, the one that was cached first
        while self._idlest:
            binding = self._idlest.pop()
            if binding.used < self.now:
                self._drop(binding)
                self.evicts += 1
                return True
        return False

    def _drop(self, binding: B) -> None:
        if binding.local is None:
            del self._by_path[binding.path.labels]
        else:
            del self._local[binding.path, binding.local]
        binding.release()
