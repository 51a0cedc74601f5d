"""What a lookup answers: not yet known, a tree, or a failure; and what a tree of a namer ends in.

`Failed` is not the same as the tree `!`: a failure stops a binding with a message, `!` is a name that is known
to lead nowhere.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from dtab.path import Path

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer is not known yet; ask again later."""


@dataclass(frozen=True, slots=True)
class Ok(Generic[T_co]):
    """The answer is `tree` (of a lookup: a tree of paths and bound names; of a binding: of bound names)."""

    tree: T_co


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer, for the reason given."""

    message: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A concrete name: the end of a binding.

    Attributes:
        id: the concrete name, such as `/#/io.l5d.fs/hello`.
        residual: what of the path the namer did not use.
        addr: where that is; opaque here, but hashable.
        weight: the weight of the union around it, for the endpoints of `addr`.
    """

    id: Path
    residual: Path
    addr: object
    weight: float = 1.0

    def __str__(self) -> str:
        return self.id.show()
