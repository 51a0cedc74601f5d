"""A Var that is computed from other Vars, on read and only when one of them has changed.

There is no graph of observers: a computation reads Vars through a `Reading`, which remembers each with the version
it had. The next read compares versions and computes anew where one differs. What was read stays held for as long as
the computed Var itself is held, so that sources keep themselves current exactly while somebody needs them.
"""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar
from weakref import ReferenceType, ref

from noderouter.core.epoch import EPOCH
from noderouter.core.var import Var

T = TypeVar("T")


class Reading:
    """What one computation has read: Vars with their versions, all held.

    `passing` says that a dtab of a request decides what is read: nothing is to be kept current for long on its account.
    """

    __slots__ = ("_kept", "_versions", "passing")

    def __init__(self) -> None:
        self.passing = False
        self._versions: dict[Var[Any], int] = {}
        self._kept: list[Var[Any]] = []

    def read(self, var: Var[T]) -> T:
        """The value of `var`, remembered as something the result depends on."""
        if var not in self._versions:
            var.hold()
            self._versions[var] = 0  # from here on it is ours to release
            self._versions[var] = var.version
        return var.value

    def keep(self, var: Var[Any]) -> None:
        """Hold `var` as long as the result is wanted, although the result does not depend on its value."""
        var.hold()
        self._kept.append(var)

    def current(self) -> bool:
        """Whether nothing that was read has changed since."""
        return all(var.version == version for var, version in self._versions.items())

    def release(self) -> None:
        """Release all that is held."""
        for var in self._versions:
            var.release()
        for var in self._kept:
            var.release()
        self._kept.clear()

    def __iter__(self) -> Iterator[Var[Any]]:
        return iter(self._versions)


class Computed(Var[T]):
    """A Var whose value is a function of other Vars.

    While nobody holds it, it is computed with what its sources last knew, and again when any Var has changed.
    """

    __slots__ = ("_compute", "_epoch", "_reading")

    def __init__(self, compute: Callable[[Reading], T]) -> None:
        """`compute` must be pure but for what it reads, and must not block."""
        self._version = 0
        self._holders = 0
        self._watch = None
        self._bells = []
        self._compute = compute
        self._epoch = -1
        self._reading: Reading | None = None

    def __repr__(self) -> str:
        value = repr(self._value) if self._version else "not computed yet"
        return f"<{type(self).__name__} {value} version={self._version} holders={self._holders}>"

    @property
    def value(self) -> T:
        """The value, computed again if anything it was computed from has changed."""
        if EPOCH.count != self._epoch:
            self._refresh()
        return self._value

    @property
    def version(self) -> int:
        """Moves when a computation had another result than the one before."""
        if EPOCH.count != self._epoch:
            self._refresh()
        return self._version

    def set(self, value: T) -> None:
        """Refused: the value follows from others."""
        raise TypeError("a computed Var cannot be set")

    def hold(self) -> None:
        """Keep the value current: holds what it is computed from."""
        self._holders += 1
        if self._holders == 1:
            try:
                self._refresh()
            except BaseException:
                self._holders = 0
                raise

    def release(self) -> None:
        """Take back one `hold`; the last one releases what the value was computed from."""
        super().release()
        if self._holders == 0 and self._reading is not None:
            reading, self._reading = self._reading, None
            reading.release()

    def sources(self) -> Iterator[Var[object]]:
        """The settable Vars under all that the value was computed from; none while nobody holds it."""
        self._refresh()
        if self._reading is not None:
            for var in self._reading:
                yield from var.sources()

    def _refresh(self) -> None:
        """Compute again unless nothing that was read has changed; new sources are held before old ones go."""
        # The epoch from before: opening a watch may set Vars, and the next read must look at those.
        epoch = EPOCH.count
        old = self._reading
        if old is not None and old.current():
            self._epoch = epoch
            return
        reading = Reading()
        try:
            value = self._compute(reading)
        except BaseException:
            reading.release()
            raise
        if self._holders:
            self._reading = reading
            self._epoch = epoch
        else:
            reading.release()
            self._epoch = EPOCH.count
        if old is not None:
            old.release()
        if not self._version or value != self._value:
            self._value = value
            self._version += 1


class Shared(Generic[T]):
    """A Computed that is shared: the same one as long as anything refers to it.

    For owners whose method computes it: it keeps the owner, so the owner must not keep it. Only a collection of
    everything would find such a circle (see `noderouter.core.var.Watched`).
    """

    __slots__ = ("_now",)

    def __init__(self) -> None:
        self._now: ReferenceType[Computed[T]] | None = None

    def get(self, compute: Callable[[Reading], T]) -> Computed[T]:
        """The one that there is, or a new one that computes with `compute`."""
        known = None if self._now is None else self._now()
        if known is None:
            known = Computed(compute)
            self._now = ref(known)
        return known
