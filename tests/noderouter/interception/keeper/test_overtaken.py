"""Somebody else changes the rules between our writing and our looking at them: that must not pass for ours."""

import io

import pytest

from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.backend.nft import Nft
from noderouter.interception.keeper.backend.xtables import Xtables
from noderouter.interception.keeper.keeper import Keeper
from noderouter.interception.keeper.log import Log
from noderouter.interception.keeper.protocol import Pods, Services
from tests.cluster.node.namespaces import inside
from tests.testing.intercept_state import GOOD, PODS, SERVICES, policy
from tests.testing.pod_network import SERVICE, PodNetwork, who

pytestmark = pytest.mark.root


def loaded_anew(network: PodNetwork, kind: str) -> None:
    """All of ours is gone from one family, as after another program has loaded its rules."""
    if kind == "nftables":
        network.run(network.node, ["nft", "delete", "table", "inet", "noderouter"])
    else:
        jump = ["-p", "tcp", "-m", "comment", "--comment", "noderouter", "-j", "NODEROUTER-PRE"]
        variant = kind.removeprefix("iptables-")
        network.run(network.node, [f"ip6tables-{variant}", "-w", "-t", "nat", "-D", "PREROUTING", *jump])


def jump_first(network: PodNetwork, kind: str) -> None:
    """kube-proxy starts."""
    for command in ("iptables", "ip6tables"):
        argv = [f"{command}-{kind.removeprefix('iptables-')}", "-w", "-t", "nat"]
        network.run(network.node, [*argv, "-D", "PREROUTING", "-j", "KUBE-SERVICES"])
        network.run(network.node, [*argv, "-I", "PREROUTING", "1", "-j", "KUBE-SERVICES"])


CASES = [
    pytest.param(kind, backend, others, id=f"{kind}-{others.__name__}")
    for kind, backend, everything in (
        ("nftables", Nft, (loaded_anew,)),
        ("iptables-nft", lambda: Xtables("nft"), (loaded_anew, jump_first)),
        ("iptables-legacy", lambda: Xtables("legacy"), (loaded_anew, jump_first)),
    )
    for others in everything
]


@pytest.mark.parametrize("written", ["apply", "change"])
@pytest.mark.parametrize(("kind", "make", "others"), CASES)
def test_it_is_written_again(make_network, monkeypatch, kind, make, others, written):
    network = make_network(kind)
    backend: Backend = make()
    keeper = Keeper(policy(), backend, Log(io.StringIO()))
    genuine, times = getattr(backend, written), []

    def overtaken(*args: object) -> None:
        genuine(*args)
        if not times:
            times.append(1)
            others(network, kind)

    with inside(network.node):
        if written == "change":
            keeper.install()
        monkeypatch.setattr(backend, written, overtaken)
        if written == "apply":
            keeper.install()
        assert keeper.pods(Pods(1, PODS)) == keeper.services(Services(1, SERVICES, frozenset())) == ""
        assert times
        assert keeper.progress(GOOD) == ""
        assert keeper.armed
    for version in (4, 6):
        assert who(network.pods["client"], SERVICE[version]) == "router"
    assert keeper.counts.drift == 1
