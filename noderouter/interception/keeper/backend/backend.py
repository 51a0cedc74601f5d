"""What the keeper asks of a packet filter; `nft` and `xtables` do it."""

from typing import Protocol

from noderouter.interception.keeper.rules.ruleset import Ruleset


class Backend(Protocol):
    """Rules in this network namespace. Every method raises `InterceptError`, and then leaves the state as it was."""

    name: str

    def describe(self, rules: Ruleset) -> str:
        """Return the text that `apply` would put in force."""
        ...

    def apply(self, rules: Ruleset, alive_ms: int) -> None:
        """Put exactly these rules in force in place of all of ours; armed for `alive_ms`, or not if that is 0."""
        ...

    def change(self, old: Ruleset, new: Ruleset, alive_ms: int) -> None:
        """Go from `old`, which is in force, to `new`."""
        ...

    def arm(self, rules: Ruleset, alive_ms: int) -> None:
        """Capture for so long from now on."""
        ...

    def disarm(self, rules: Ruleset) -> None:
        """Stop capturing new connections now."""
        ...

    def remove(self) -> None:
        """Remove all rules of ours; nothing to remove is fine."""
        ...

    def snapshot(self) -> str:
        """Return what is in force, without what changes by itself; empty if nothing of ours is there."""
        ...

    def intact(self, rules: Ruleset, snapshot: str) -> bool:
        """Whether a snapshot shows these rules unharmed by others: nothing flushed, and ours come first."""
        ...

    def armed(self) -> bool:
        """Whether the kernel captures now."""
        ...

    def captured(self) -> int:
        """Return how many connections the rules in force have captured."""
        ...
