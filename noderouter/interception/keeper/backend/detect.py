"""Which backend: `auto` goes by where kube-proxy's rules live (istio#49279: rules in tables that nobody evaluates).

| kube-proxy's rules | backend |
| --- | --- |
| its own nftables table, or iptables-nft | nftables |
| iptables-legacy alone | iptables-legacy and ipset |
| nowhere to be seen | nftables if it works here, else iptables |

Looking changes nothing: the legacy commands load kernel modules, so they are asked only where the kernel says that a
legacy table exists. `check` proves the choice.
"""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Final

from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.backend.command import run
from noderouter.interception.keeper.backend.nft import Nft
from noderouter.interception.keeper.backend.xtables import CHECK_NAMES, Xtables
from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.rules.iptables import NAMES
from noderouter.interception.keeper.rules.nftables import TABLE
from noderouter.interception.keeper.rules.ruleset import ruleset
from noderouter.interception.keeper.state import Capture, Policy, Wanted

MODES: Final = ("auto", "nft", "iptables")
_MARKS: Final = (":KUBE-SERVICES ", ":KUBE-IPTABLES-HINT ", ":KUBE-KUBELET-CANARY ")
_NFT_TABLES: Final = ("table ip kube-proxy", "table ip6 kube-proxy")


def choose(mode: str) -> tuple[Backend, str]:
    """Return the backend for this network namespace, and why it was chosen.

    Raises:
        InterceptError: no packet filter can be used here.
    """
    if mode == "nft":
        return Nft(), "as asked for by --mode nft"
    place = kube_proxy()
    if mode == "iptables":
        variant = "legacy" if place == "iptables-legacy" else "nft"
        return Xtables(variant), f"as asked for by --mode iptables; kube-proxy's rules: {place or 'none found'}"
    if place == "iptables-legacy":
        return Xtables("legacy"), "kube-proxy's rules are in iptables-legacy"
    try:
        run(["nft", "list", "tables"])
    except InterceptError as error:
        run(["ipset", "-n", "list"])  # says what is missing, if this does not work either
        return Xtables("legacy" if _legacy_exists() else "nft"), f"nftables cannot be used here: {error}"
    return Nft(), f"kube-proxy's rules are in {place}" if place else "no rules of kube-proxy found, and nftables works"


def backends() -> list[Backend]:
    """Return every backend that may have rules of ours here; the legacy one only where the kernel has such tables."""
    found: list[Backend] = [Nft(), Xtables("nft")]
    return [*found, Xtables("legacy")] if _legacy_exists() else found


def for_check(backend: Backend) -> Backend:
    """Return the same packet filter under names of its own, for a check beside the rules that are in force."""
    return Xtables(backend.variant, CHECK_NAMES) if isinstance(backend, Xtables) else Nft("noderoutercheck")


def rehearse(backend: Backend, capture: Capture) -> None:
    """Write rules that capture nobody, under names of their own, and remove them.

    They are for an unused port: at the real one their guard, which knows no pods, would reset what is captured.

    Raises:
        InterceptError: rules cannot be written here.
    """
    trial = for_check(backend)
    with socket.socket() as nobody:
        nobody.bind(("", 0))
        try:
            trial.apply(ruleset(Policy(replace(capture, port=nobody.getsockname()[1])), Wanted()), 0)
        finally:
            trial.remove()


def remove_others(backend: Backend) -> list[str]:
    """Remove rules of ours from every other packet filter; return the names of those that had any."""
    chains = _said("nft", "list", "chains")
    legacy = "".join(_said(f"{each}-legacy-save") for each in ("iptables", "ip6tables")) if _legacy_exists() else ""
    there = {
        "nftables": f"table inet {TABLE} {{" in chains,
        "iptables-nft": f"chain {NAMES.nat} {{" in chains,
        "iptables-legacy": f":{NAMES.nat} " in legacy,
    }
    found = [each for each in backends() if each.name != backend.name and there[each.name]]
    for other in found:
        other.remove()
    return [other.name for other in found]


def kube_proxy() -> str:
    """Return where kube-proxy's rules are: `nftables`, `iptables-nft`, `iptables-legacy`, or nothing found."""
    tables = _said("nft", "list", "tables")
    if any(name in tables.splitlines() for name in _NFT_TABLES):
        return "nftables"
    for version in ("iptables", "ip6tables"):
        if _has_chains(_said(f"{version}-nft-save")):
            return "iptables-nft"
    if _legacy_exists():
        for version in ("iptables", "ip6tables"):
            if _has_chains(_said(f"{version}-legacy-save")):
                return "iptables-legacy"
    return ""


def _has_chains(saved: str) -> bool:
    return any(f"\n{mark}" in saved for mark in _MARKS)


def _legacy_exists() -> bool:
    for name in ("ip_tables_names", "ip6_tables_names"):
        try:
            if Path("/proc/self/net", name).read_text().strip():
                return True
        except OSError:
            continue  # not loaded, or not ours to read
    return False


def _said(*command: str) -> str:
    try:
        return run(command)
    except InterceptError:
        return ""
