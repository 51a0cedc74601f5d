"""What is known of something that is watched: a value of each of these is immutable, and sits in a Var."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing yet: the first list is under way, or the API is away for a moment."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The API has said that it does not exist. An outage never says so."""


@dataclass(frozen=True, slots=True)
class Present(Generic[T]):
    """It exists."""

    value: T


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing was ever known, and this is why: we lack the right, or the API is away for longer."""

    reason: str


State = Unknown | Absent | Present[T] | Unreachable
