"""How long to wait before the next try, of a dead endpoint or a request (docs/linkerd1.md sections 4.2 and 4.3).

Seconds inside, milliseconds in the configuration. Each user has an object of its own, because all but the
constant one remember how far they are.
"""

from random import Random
from typing import Annotated, ClassVar, Final, Literal, Self

from noderouter.schema.kind import Field, Kind, model_validator

LONGEST_MS: Final = 24 * 3600 * 1000


class Backoff:
    """A series of pauses without an end."""

    __slots__ = ()

    def next(self) -> float:
        """The next pause, in seconds."""
        raise NotImplementedError

    def reset(self) -> None:
        """Begin the series again."""


class Constant(Backoff):
    """Always the same pause."""

    __slots__ = ("_pause",)

    def __init__(self, pause: float) -> None:
        self._pause = pause

    def next(self) -> float:
        return self._pause


class Decorrelated(Backoff):
    """Each pause lies between the first one and three times the previous one, up to a limit."""

    __slots__ = ("_first", "_limit", "_pause", "_random")

    def __init__(self, first: float, limit: float, rng: Random) -> None:
        self._first = first
        self._limit = limit
        self._random = rng.random
        self._pause = 0.0

    def next(self) -> float:
        first = self._first
        span = max(0.0, 3 * self._pause - first)
        self._pause = min(self._limit, first + self._random() * span)
        return self._pause

    def reset(self) -> None:
        self._pause = 0.0


class EqualJittered(Backoff):
    """The first pause exactly, then doubling ranges: half of each is fixed, half is chance."""

    __slots__ = ("_first", "_half", "_limit", "_random")

    def __init__(self, first: float, limit: float, rng: Random) -> None:
        self._first = first
        self._limit = limit
        self._random = rng.random
        self._half = 0.0

    def next(self) -> float:
        half = self._half
        if not half:
            self._half = self._first
            return self._first
        self._half = min(2 * half, self._limit)
        return min(self._limit, half + self._random() * half)

    def reset(self) -> None:
        self._half = 0.0


class BackoffKind(Kind):
    """What `backoff` may be."""

    def build(self, rng: Random) -> Backoff:
        """A series for one user."""
        raise NotImplementedError


class ConstantKind(BackoffKind):
    """`constant`: the same pause each time."""

    kind_name: ClassVar[str] = "constant"

    kind: Literal["constant"] = "constant"
    ms: Annotated[int, Field(ge=0, le=LONGEST_MS)] = 0

    def build(self, rng: Random) -> Backoff:
        """See `BackoffKind`."""
        return Constant(self.ms / 1000)


class RangeKind(BackoffKind):
    """The keys of backoffs that grow from `minMs` up to `maxMs`."""

    minMs: Annotated[int, Field(ge=1, le=LONGEST_MS)]
    maxMs: Annotated[int, Field(ge=1, le=LONGEST_MS)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minMs > self.maxMs:
            raise ValueError(f"minMs ({self.minMs}) is larger than maxMs ({self.maxMs})")
        return self


class JitteredKind(RangeKind):
    """`jittered`: decorrelated jitter."""

    kind_name: ClassVar[str] = "jittered"

    kind: Literal["jittered"] = "jittered"

    def build(self, rng: Random) -> Backoff:
        """See `BackoffKind`."""
        return Decorrelated(self.minMs / 1000, self.maxMs / 1000, rng)


class EqualJitteredKind(RangeKind):
    """`equalJittered`: doubling ranges. Linkerd uses it but gives it no name."""

    kind_name: ClassVar[str] = "equalJittered"

    kind: Literal["equalJittered"] = "equalJittered"

    def build(self, rng: Random) -> Backoff:
        """See `BackoffKind`."""
        return EqualJittered(self.minMs / 1000, self.maxMs / 1000, rng)
