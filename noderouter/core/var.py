"""A current value with a version: what names are made of.

A `Var` is set by whoever watches a source (a file, DNS, the Kubernetes API) and read by whoever needs it. Nothing
is pushed: a reader remembers the version it saw and compares. `EPOCH.count` moves whenever any Var changes, so that
"has anything I read changed?" is one comparison of two ints almost always.

Rules:
    1. Hold before you read, release when done. Holding opens the watch behind a Var, the last release may close
       it; a Var that nobody holds answers what it last knew.
    2. `set` of an equal value is no change.
    3. Values are immutable; to change is to set another value.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from noderouter.core.epoch import EPOCH
from noderouter.reactor.event import Event

T = TypeVar("T")


class Bell(Protocol):
    """What can be rung: a reactor Event or a trio Event, each waited for in its own half."""

    def set(self) -> object:
        """Wake all waiters."""
        ...


class Watch(Protocol):
    """What keeps a Var current while somebody holds it."""

    def open(self) -> None:
        """Somebody is about to hold it. Must not block; may set the Var at once."""
        ...

    def close(self) -> None:
        """The last holder left."""
        ...


class Var(Generic[T]):
    """A value, its version, and its holders."""

    __slots__ = ("__weakref__", "_bells", "_holders", "_value", "_version", "_watch")

    def __init__(self, value: T, watch: Watch | None = None) -> None:
        """`watch` is opened for the first holder and closed after the last."""
        self._value = value
        self._version = 1
        self._holders = 0
        self._watch = watch
        self._bells: list[Bell] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._value!r} version={self._version} holders={self._holders}>"

    @property
    def value(self) -> T:
        """The current value."""
        return self._value

    @property
    def version(self) -> int:
        """Moves with every change of the value."""
        return self._version

    @property
    def holders(self) -> int:
        """How many hold it now."""
        return self._holders

    def set(self, value: T) -> None:
        """Change the value and wake all waiters; nothing happens when it is equal to the current one."""
        if value == self._value:
            return
        self._value = value
        self._version += 1
        EPOCH.count += 1
        bells, self._bells = self._bells, []
        for bell in bells:
            bell.set()

    def hold(self) -> None:
        """Keep the value current until `release`."""
        if self._holders == 0 and self._watch is not None:
            self._watch.open()
        self._holders += 1

    def release(self) -> None:
        """Take back one `hold`."""
        if self._holders <= 0:
            raise RuntimeError(f"{self!r} was released more often than held")
        self._holders -= 1
        if self._holders == 0 and self._watch is not None:
            self._watch.close()

    def sources(self) -> Iterator["Var[object]"]:
        """The settable Vars that decide this one's value: itself, where it is settable."""
        yield self  # type: ignore[misc]  # read-only use

    @contextmanager
    def ringing(self, bell: Bell) -> Iterator[None]:
        """While inside, the next change of anything that decides the value rings `bell`, once."""
        sources = list(self.sources())
        for var in sources:
            var._bells.append(bell)
        try:
            yield
        finally:
            for var in sources:
                if bell in var._bells:
                    var._bells.remove(bell)

    async def changed(self, version: int) -> None:
        """Hold it and wait, in the data plane, until the version is another than `version`."""
        self.hold()
        try:
            while self.version == version:
                bell = Event()
                with self.ringing(bell):
                    await bell.wait()
        finally:
            self.release()


class Watched(Var[T]):
    """A Var that watches for itself.

    An owner of a Var that it watches for keeps it, and is kept by it: only a collection of everything finds such pairs
    (`noderouter.memory`). Names may be a stranger's, and many.
    """

    __slots__ = ()

    def open(self) -> None:
        """See `Watch.open`."""
        raise NotImplementedError

    def close(self) -> None:
        """See `Watch.close`."""
        raise NotImplementedError

    def hold(self) -> None:
        """See `Var.hold`."""
        if self._holders == 0:
            self.open()
        super().hold()

    def release(self) -> None:
        """See `Var.release`."""
        super().release()
        if self._holders == 0:
            self.close()
