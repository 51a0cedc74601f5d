"""The iptables backend: two chains and a few ipsets, in the variant (nft or legacy) that kube-proxy uses.

Nothing here is one transaction by itself, so the order makes it one: sets first, which nobody looks at yet; then each
family is tried with `--test`; then each is committed, in force or not as a whole. If the second family fails after the
first, and nothing of ours was there before, what was made is taken out again.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from noderouter.interception.keeper.backend.command import run
from noderouter.interception.keeper.errors import CommandFailed, InterceptError, NoKernelSupport
from noderouter.interception.keeper.rules import iptables
from noderouter.interception.keeper.rules.iptables import NAMES, Jumps, Names
from noderouter.interception.keeper.rules.ruleset import Family, Ruleset

WAIT_SECONDS: Final = "5"
"""How long to wait for the lock that every user of xtables takes."""

PROMPT: Final = "ipset> "
"""What ipset writes before it reads a command, terminal or not."""

CHECK_NAMES: Final = Names("NODEROUTER-CHECK", "noderoutercheck-")
"""What `check` makes for its own connection, beside the rules that are in force."""


class Xtables:
    """`Backend` by iptables of one variant, and ipset."""

    def __init__(self, variant: str, names: Names = NAMES) -> None:
        self.variant = variant
        """`nft` or `legacy`."""
        self.name = f"iptables-{variant}"
        self._names = names
        self._dnat = re.compile(rf"^\[(\d+):\d+\] -A {names.nat} .*-j DNAT", re.MULTILINE)

    def describe(self, rules: Ruleset) -> str:
        """See `Backend`."""
        parts = [f"# ipset restore\n{iptables.sets(rules, self._names)}"]
        for family in rules.families:
            text = iptables.chains(rules, family, ([], []), self._names)
            parts.append(f"# {self._command(family.version, 'restore')} --noflush\n{text}")
        return "".join(parts)

    def apply(self, rules: Ruleset, alive_ms: int) -> None:
        """See `Backend`."""
        fresh = not self.snapshot()
        try:
            run(["ipset", "restore"], self._spare_removed() + iptables.sets(rules, self._names))
            texts = [(family, self._chains(rules, family)) for family in rules.families]
            for family, text in texts:
                self._restore(family.version, text, "--test")
            for family, text in texts:
                self._restore(family.version, text)
            if alive_ms > 0:
                self.arm(rules, alive_ms)
            else:
                self.disarm(rules)
        except InterceptError:
            if fresh:
                with suppress(InterceptError):
                    self.remove()
            raise

    def change(self, old: Ruleset, new: Ruleset, alive_ms: int) -> None:
        """See `Backend`."""
        if _shape(old) != _shape(new):
            self.apply(new, alive_ms)
        elif text := iptables.sets_change(old, new, self._names):
            run(["ipset", "restore"], text)

    def arm(self, rules: Ruleset, alive_ms: int) -> None:
        """See `Backend`; ipset knows whole seconds, and never longer than asked for."""
        if seconds := alive_ms // 1000:
            run(["ipset", "restore"], iptables.arm(_versions(rules), seconds, self._names))

    def disarm(self, rules: Ruleset) -> None:
        """See `Backend`."""
        run(["ipset", "restore"], iptables.disarm(_versions(rules), self._names))

    def remove(self) -> None:
        """See `Backend`."""
        for version in (4, 6):
            try:
                saved = self._saved(version)
            except (CommandFailed, NoKernelSupport):
                continue  # a machine without this family has nothing of ours in it
            present = (f"\n:{self._names.nat} " in saved["nat"], f"\n:{self._names.guard} " in saved["filter"])
            if text := iptables.remove_chains(present, self._ours(saved), self._names):
                self._restore(version, text)
        if names := self._sets():
            run(["ipset", "restore"], iptables.remove_sets(names))

    def snapshot(self) -> str:
        """See `Backend`; includes the first rule of PREROUTING and INPUT, whoever owns it: the order matters."""
        names = [name for name in self._sets() if "alive" not in name]
        lines: list[str] = []
        for version in (4, 6):
            try:
                saved = self._saved(version)
            except (CommandFailed, NoKernelSupport):
                continue
            for table, chain, hook in self._hooks():
                rules = [
                    line
                    for line in saved[table].splitlines()
                    if line.startswith("-A ") and (self._names == CHECK_NAMES or not _of_check(line))
                ]
                mine = [line for line in rules if chain in line]
                first = next((line for line in rules if line.startswith(f"-A {hook} ")), "")
                lines += [f"{version} first {first}", *mine] if mine else []
        return "\n".join([*lines, *sorted(self._members(names))])

    def intact(self, rules: Ruleset, snapshot: str) -> bool:
        """See `Backend`."""
        lines = snapshot.splitlines()
        return all(
            any(
                line.startswith(f"{family.version} first -A {hook} ") and line.endswith(f"-j {chain}") for line in lines
            )
            for family in rules.families
            for _, chain, hook in self._hooks()
        )

    def armed(self) -> bool:
        """See `Backend`."""
        return bool(self._members([name for name in self._sets() if "alive" in name]))

    def captured(self) -> int:
        """See `Backend`."""
        total = 0
        for version in (4, 6):
            with suppress(CommandFailed, NoKernelSupport):
                text = run([self._command(version, "save"), "-c", "-t", "nat"])
                total += sum(map(int, self._dnat.findall(text)))
        return total

    def _command(self, version: int, verb: str) -> str:
        return f"{'iptables' if version == 4 else 'ip6tables'}-{self.variant}-{verb}"

    def _restore(self, version: int, text: str, *options: str) -> None:
        command = self._command(version, "restore")
        # The nft variant needs no lock and refuses nothing; it accepts the option since 1.8.
        run([command, "--noflush", "-w", WAIT_SECONDS, *options], text)

    def _saved(self, version: int) -> dict[str, str]:
        tables = dict.fromkeys(("nat", "filter"), "")
        for text in run([self._command(version, "save")]).split("\n*")[1:]:
            tables[text.partition("\n")[0]] = text
        return tables

    def _chains(self, rules: Ruleset, family: Family) -> str:
        return iptables.chains(rules, family, self._ours(self._saved(family.version)), self._names)

    def _ours(self, saved: dict[str, str]) -> Jumps:
        nat, guard = (
            [
                line
                for line in saved[table].splitlines()
                if line.startswith(f"-A {hook} ") and line.endswith(f"-j {chain}")
            ]
            for table, chain, hook in self._hooks()
        )
        return nat, guard

    def _hooks(self) -> tuple[tuple[str, str, str], ...]:
        """Return table, chain of ours, and the built-in chain that jumps there."""
        return ("nat", self._names.nat, "PREROUTING"), ("filter", self._names.guard, "INPUT")

    def _sets(self) -> list[str]:
        return [name for name in run(["ipset", "-n", "list"]).split() if name.startswith(self._names.prefix)]

    def _members(self, names: Sequence[str]) -> list[str]:
        """Return the lines `add …` of these sets; all by one command, since a busy node starts each of them late.

        Raises:
            CommandFailed: one of them is gone.
        """
        if not names:
            return []
        lists = run(["ipset", "-"], "".join(f"list {name} -output save\n" for name in names))
        lines = [line.replace(PROMPT, "") for line in lists.splitlines()]
        if sum(line.startswith("create ") for line in lines) != len(names):
            raise CommandFailed(f"ipset did not list all of {', '.join(names)}")
        return [line for line in lines if line.startswith("add ")]

    def _spare_removed(self) -> str:
        """Remove a set that a killed predecessor left half filled."""
        return "".join(f"destroy {name}\n" for name in self._sets() if name == self._names.spare)


def _shape(rules: Ruleset) -> tuple[object, ...]:
    families = [(family.version, family.target) for family in rules.families]
    return rules.port, rules.everything, rules.closed, rules.skipped_ports, families


def _of_check(rule: str) -> bool:
    """Whether a rule is that of a check beside us, which comes before ours and takes nothing from it."""
    return CHECK_NAMES.chain in rule


def _versions(rules: Ruleset) -> list[int]:
    return [family.version for family in rules.families]
