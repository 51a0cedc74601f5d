"""Only what is on this node."""

import pytest

from dtab import Bound, Leaf, Path
from noderouter.core.addr import AddrBound, Address, AddrNeg
from noderouter.core.var import Var
from noderouter.naming.transformer.k8s_localnode import LocalNode
from noderouter.schema.environment import EnvironmentMissing


def made(**keys):
    return LocalNode(kind="io.l5d.k8s.localnode", **keys).build(None)


def kept(transformer, *addresses):
    source = Var(AddrBound(frozenset(addresses)))
    return transformer.transform(Leaf(Bound(Path.of("#", "x"), Path(), source))).value.addr.value


HERE = Address("10.1.1.5", 80, meta=(("nodeName", "n1"),))
ELSEWHERE = Address("10.1.2.5", 80, meta=(("nodeName", "n2"),))
NOWHERE = Address("192.0.2.1", 80)


def test_by_network(monkeypatch):
    monkeypatch.setenv("POD_IP", "10.1.1.77")
    transformer = made()
    assert transformer.prefix.show() == "/%/io.l5d.k8s.localnode/10.1.1.77"
    assert kept(transformer, HERE, ELSEWHERE, NOWHERE) == AddrBound(frozenset((HERE,)))
    assert kept(transformer, ELSEWHERE) == AddrNeg()


def test_by_node(monkeypatch):
    monkeypatch.setenv("NODE_NAME", "n2")
    transformer = made(hostNetwork=True)
    assert transformer.prefix.show() == "/%/io.l5d.k8s.localnode/n2"
    assert kept(transformer, HERE, ELSEWHERE, NOWHERE) == AddrBound(frozenset((ELSEWHERE,)))
    assert kept(transformer, HERE, NOWHERE) == AddrNeg()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "POD_IP env variable must be set to the pod's IP"),
        ({"hostNetwork": True}, "NODE_NAME env variable must be set to the node's name"),
    ],
)
def test_without_the_variable_it_does_not_start(monkeypatch, keys, words):
    monkeypatch.delenv("POD_IP", raising=False)
    monkeypatch.delenv("NODE_NAME", raising=False)
    with pytest.raises(EnvironmentMissing, match=words):
        made(**keys)


def test_a_variable_that_is_no_address(monkeypatch):
    monkeypatch.setenv("POD_IP", "node-1")
    with pytest.raises(EnvironmentMissing, match="not 'node-1'"):
        made()
