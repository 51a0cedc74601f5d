"""Scopes of the metrics tree that several users share: a name with and without an override has one scope."""

from noderouter.telemetry.tree import Scope


class Scopes:
    """Counts the users of scopes below `root`, and prunes a scope when its last user is gone."""

    __slots__ = ("_root", "_users")

    def __init__(self, root: Scope) -> None:
        self._root = root
        self._users: dict[tuple[str, ...], int] = {}

    def acquire(self, *names: str) -> Scope:
        """The scope at `names`; `release` it."""
        self._users[names] = self._users.get(names, 0) + 1
        return self._root.scope(*names)

    def release(self, *names: str) -> None:
        """Take back one `acquire`."""
        users = self._users[names] - 1
        if users:
            self._users[names] = users
        else:
            del self._users[names]
            self._root.scope(*names).prune()
