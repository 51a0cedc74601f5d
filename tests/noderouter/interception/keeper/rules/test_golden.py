"""The texts themselves, as they were read and approved; backend/test_backend.py puts them in force.

Covers `iptables.py`, `nftables.py`.
"""

import re
from pathlib import Path

import pytest

from noderouter.interception.keeper.backend.nft import Nft
from noderouter.interception.keeper.backend.xtables import Xtables
from noderouter.interception.keeper.rules import iptables, nftables
from noderouter.interception.keeper.rules.ruleset import Ruleset, ruleset
from noderouter.interception.keeper.state import Exclusions, Interface, Scope
from tests.testing.intercept_state import PODS, WANTED, policy

GOLDEN = Path(__file__).with_name("golden")
PINS = {(PODS[0].uid, address): Interface(7, "caliclient") for address in PODS[0].addresses}
STATES = {
    "services": ruleset(policy(exclusions=Exclusions(frozenset({443}))), WANTED, PINS),
    "all-closed": ruleset(policy(scope=Scope.ALL, closed=True), WANTED, PINS),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("backend", [Nft(), Xtables("nft")], ids=lambda backend: backend.name)
def test_text(name, backend):
    assert backend.describe(STATES[name]) == (GOLDEN / f"{name}.{backend.name}.txt").read_text()


@pytest.mark.parametrize("name", STATES)
def test_an_earlier_nft_can_read_sets_of_a_later_one(name):
    """It crashes on those of a plain `type`, whatever it was asked; kube-proxy's may be earlier than ours."""
    assert not re.search(r"set \w+ \{ type ", nftables.table(STATES[name]))


def test_one_family_alone():
    four = Ruleset(4143, False, False, (), STATES["services"].families[:1])
    assert "ip6 saddr" not in nftables.table(four)
    assert "alive6" not in iptables.sets(four)


def test_armed():
    assert "set alive { typeof meta l4proto; flags timeout; elements = { tcp timeout 1500ms } }" in nftables.table(
        STATES["services"], 1500
    )
    assert nftables.arm(2500) == (
        "flush set inet noderouter alive\nadd element inet noderouter alive { tcp timeout 2500ms }\n"
    )
    assert iptables.arm([4], 2) == (
        "add noderouter-alive4 0.0.0.0/1 timeout 2 -exist\nadd noderouter-alive4 128.0.0.0/1 timeout 2 -exist\n"
    )


def test_the_jump_is_moved_within_one_table():
    rules = STATES["services"]
    there = ["-A PREROUTING -p tcp -j NODEROUTER-PRE"]
    text = iptables.chains(rules, rules.families[0], (there * 2, []))
    nat = text[text.index("*nat") :]
    assert nat.count("-D PREROUTING -p tcp -j NODEROUTER-PRE\n") == 2
    assert nat.index("-D PREROUTING") < nat.index("-I PREROUTING 1 ")
    assert nat.count("COMMIT") == 1
