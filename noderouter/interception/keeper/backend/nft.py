"""The nftables backend: one table of our own, every change one transaction of `nft -f`."""

import re
from typing import Final

from noderouter.interception.keeper.backend.command import run
from noderouter.interception.keeper.errors import CommandFailed, NoKernelSupport
from noderouter.interception.keeper.rules import nftables
from noderouter.interception.keeper.rules.ruleset import Ruleset

_ALIVE: Final = re.compile(r"\tset alive \{.*?\n\t\}\n", re.DOTALL)
_ELEMENTS: Final = re.compile(r"elements = \{(.*?)\}", re.DOTALL)
_CAPTURES: Final = re.compile(r" dnat ip6? to ")
_PACKETS: Final = re.compile(r"packets (\d+)")


class Nft:
    """`Backend` by nftables."""

    name = "nftables"

    def __init__(self, table: str = nftables.TABLE) -> None:
        self._table = table

    def describe(self, rules: Ruleset) -> str:
        """See `Backend`."""
        return nftables.table(rules, 0, self._table)

    def apply(self, rules: Ruleset, alive_ms: int) -> None:
        """See `Backend`."""
        _transaction(nftables.table(rules, alive_ms, self._table))

    def change(self, old: Ruleset, new: Ruleset, alive_ms: int) -> None:
        """See `Backend`; an element that is not as expected is an error."""
        text = nftables.change(old, new, self._table)
        if text is None:
            self.apply(new, alive_ms)
        elif text:
            _transaction(text)

    def arm(self, rules: Ruleset, alive_ms: int) -> None:
        """See `Backend`."""
        _transaction(nftables.arm(alive_ms, self._table))

    def disarm(self, rules: Ruleset) -> None:
        """See `Backend`."""
        _transaction(nftables.disarm(self._table))

    def remove(self) -> None:
        """See `Backend`."""
        if self._listed("-s"):
            _transaction(nftables.remove(self._table))

    def snapshot(self) -> str:
        """See `Backend`; counters and the switch are left out, elements are sorted: the kernel keeps no order."""
        return _ELEMENTS.sub(_sorted, _ALIVE.sub("", self._listed("-s")))

    def intact(self, rules: Ruleset, snapshot: str) -> bool:
        """See `Backend`; our chains come first by their priority."""
        return len(_CAPTURES.findall(snapshot)) == nftables.captures(rules) and "chain guard {" in snapshot

    def armed(self) -> bool:
        """See `Backend`."""
        switch = _ALIVE.search(self._listed("-s"))
        return switch is not None and "elements" in switch[0]

    def captured(self) -> int:
        """See `Backend`."""
        try:
            found = _PACKETS.search(run(["nft", "list", "counter", "inet", self._table, "captured"]))
        except (CommandFailed, NoKernelSupport):
            return 0  # no table
        return int(found[1]) if found else 0

    def _listed(self, option: str) -> str:
        if f"table inet {self._table}\n" not in run(["nft", "list", "tables"]):
            return ""
        return run(["nft", option, "list", "table", "inet", self._table])


def _transaction(text: str) -> None:
    run(["nft", "-f", "-"], text)


def _sorted(found: re.Match[str]) -> str:
    return ", ".join(sorted(element.strip() for element in found[1].split(",")))
