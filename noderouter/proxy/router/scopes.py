"""Scopes of the metrics tree that several users share: a name with and without an override has one scope."""

from hashlib import blake2b
from typing import Final

from dtab import Path
from noderouter.telemetry.tree import Scope

MAX_ELEMENT: Final = 300
"""Characters of a name in the metrics tree, which shows it with each of some forty figures. A host has at most 253."""


def element(path: Path) -> str:
    """A name as an element of the metrics tree: without its first slash; of a long one, how it begins and a hash."""
    shown = path.show()
    if len(shown) > MAX_ELEMENT:
        return f"{shown[1:MAX_ELEMENT]}...{blake2b(shown.encode(), digest_size=8).hexdigest()}"
    return shown[1:]


class Scopes:
    """Counts the users of scopes below `root`, and prunes a scope when its last user is gone.

    A name may leave the cache while its requests go on. Its scope stays until they have ended: what they count
    would be lost otherwise. `sweep` has to be called about twice a second.
    """

    __slots__ = ("_leaving", "_root", "_users")

    def __init__(self, root: Scope) -> None:
        self._root = root
        self._users: dict[tuple[str, ...], int] = {}
        self._leaving: set[tuple[str, ...]] = set()

    def acquire(self, *names: str) -> Scope:
        """The scope at `names`; `release` it."""
        self._users[names] = self._users.get(names, 0) + 1
        self._leaving.discard(names)
        return self._root.scope(*names)

    def release(self, *names: str) -> None:
        """Take back one `acquire`."""
        users = self._users[names] - 1
        if users:
            self._users[names] = users
        else:
            del self._users[names]
            if not self._pruned(names):
                self._leaving.add(names)

    def sweep(self) -> None:
        """Prune what nobody uses any more and no request counts in."""
        self._leaving -= {names for names in self._leaving if self._pruned(names)}

    def _pruned(self, names: tuple[str, ...]) -> bool:
        scope = self._root.scope(*names)
        if scope.name == names[-1] and scope.requests().pending:
            return False
        scope.prune()  # where the tree was full, the scope is everybody's, and stays
        return True
