"""The nftables backend: one table of our own, every change one transaction of `nft -f`."""

import re
from typing import Final

from noderouter.intercept.command import run
from noderouter.intercept.errors import CommandFailed, InterceptError, NoKernelSupport
from noderouter.intercept.rules import nftables
from noderouter.intercept.rules.ruleset import Ruleset

_ALIVE: Final = re.compile(r"\tset alive \{.*?\n\t\}\n", re.DOTALL)
_PACKETS: Final = re.compile(r"packets (\d+)")


class Nft:
    """`Backend` by nftables."""

    name = "nftables"

    def describe(self, rules: Ruleset) -> str:
        """See `Backend`."""
        return nftables.table(rules)

    def apply(self, rules: Ruleset, alive_ms: int) -> None:
        """See `Backend`."""
        _transaction(nftables.table(rules, alive_ms))

    def change(self, old: Ruleset, new: Ruleset, alive_ms: int) -> None:
        """See `Backend`; an element that is not as expected makes it write the whole table."""
        text = nftables.change(old, new)
        if text is None:
            self.apply(new, alive_ms)
        elif text:
            try:
                _transaction(text)
            except InterceptError:
                self.apply(new, alive_ms)

    def arm(self, rules: Ruleset, alive_ms: int) -> None:
        """See `Backend`."""
        _transaction(nftables.arm(alive_ms))

    def disarm(self, rules: Ruleset) -> None:
        """See `Backend`."""
        _transaction(nftables.DISARM)

    def remove(self) -> None:
        """See `Backend`."""
        if self._listed("-s"):
            _transaction(nftables.REMOVE)

    def snapshot(self) -> str:
        """See `Backend`; counters and the switch are left out."""
        return _ALIVE.sub("", self._listed("-s"))

    def armed(self) -> bool:
        """See `Backend`."""
        switch = _ALIVE.search(self._listed("-s"))
        return switch is not None and "elements" in switch[0]

    def captured(self) -> int:
        """See `Backend`."""
        try:
            found = _PACKETS.search(run(["nft", "list", "counter", "inet", nftables.TABLE, "captured"]))
        except (CommandFailed, NoKernelSupport):
            return 0  # no table
        return int(found[1]) if found else 0

    def _listed(self, option: str) -> str:
        if f"table inet {nftables.TABLE}\n" not in run(["nft", "list", "tables"]):
            return ""
        return run(["nft", option, "list", "table", "inet", nftables.TABLE])


def _transaction(text: str) -> None:
    run(["nft", "-f", "-"], text)
