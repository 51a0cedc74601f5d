import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import EMPTY, FAIL, NEG, Bound, Leaf, Path, Union, Weighted
from dtab.utility import Status
from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.var import Var
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import transformed

PREFIX = Path.parse("/%/test")
ID = Path.parse("/#/io.l5d.fs/web")


def low_ports(addresses: frozenset[Address]) -> frozenset[Address]:
    return frozenset(address for address in addresses if address.port < 1024)


def bound(*ports: int) -> AddrBound:
    return AddrBound(frozenset(Address("10.0.0.1", port) for port in ports), (("meta", "kept"),))


def leaf(addr: object, weight: float = 1.0) -> Leaf[Bound]:
    return Leaf(Bound(ID, Path.of("rest"), addr, weight))


@pytest.fixture
def transformer() -> AddressTransformer:
    return AddressTransformer(PREFIX, low_ports)


def test_it_follows_its_source_and_says_so_in_the_id(transformer):
    source: Var[Addr] = Var(bound(80, 8080))
    (result,) = transformer.transform(leaf(source, 0.5)).leaves()
    assert (result.id.show(), result.residual.show(), result.weight) == ("/%/test/#/io.l5d.fs/web", "/rest", 0.5)
    result.addr.hold()
    assert source.holders == 1
    assert result.addr.value == bound(80)
    source.set(bound(443, 8443))
    assert result.addr.value == bound(443)
    result.addr.release()
    assert source.holders == 0


@pytest.mark.parametrize("addr", [AddrPending(), AddrNeg(), AddrFailed("x")])
def test_what_is_not_bound_passes(transformer, addr):
    (result,) = transformer.transform(leaf(Var(addr))).leaves()
    assert result.addr.value == addr


@pytest.mark.parametrize("ports", [(), (8080,)])
def test_where_nothing_is_left_the_address_is_negative(transformer, ports):
    (result,) = transformer.transform(leaf(Var(bound(*ports)))).leaves()
    assert result.addr.value == AddrNeg()


def test_what_has_no_addresses_stays_as_it_is(transformer):
    status = leaf(Status(404))
    assert transformer.transform(status) == status
    for tree in (NEG, FAIL, EMPTY):
        assert transformer.transform(tree) is tree


def test_every_branch_of_a_union_is_transformed(transformer):
    one, two = Var(bound(80)), Var(bound(8080))
    tree = transformer.transform(Union((Weighted(1, leaf(one)), Weighted(2, leaf(two)))))
    assert [branch.weight for branch in tree.branches] == [1, 2]
    assert [result.addr.value for result in tree.leaves()] == [bound(80), AddrNeg()]


def test_the_same_source_gives_the_same_var_while_anybody_has_it(transformer):
    source = Var(bound(80))
    assert transformer.transform(leaf(source)) == transformer.transform(leaf(source))
    gc.collect()
    assert len(transformer._changed) == 0


def test_transformers_apply_in_order():
    outer, inner = AddressTransformer(Path.of("%", "b"), low_ports), AddressTransformer(Path.of("%", "a"), low_ports)
    (result,) = transformed(leaf(Var(bound(80))), (inner, outer)).leaves()
    assert result.id.show() == "/%/b/%/a/#/io.l5d.fs/web"
    assert result.addr.value == bound(80)


@given(st.lists(st.frozensets(st.integers(1, 2000), max_size=5), max_size=20), st.booleans())
def test_it_always_equals_the_function_of_the_source(changes, held):
    source: Var[Addr] = Var(AddrPending())
    (result,) = AddressTransformer(PREFIX, low_ports).transform(leaf(source)).leaves()
    if held:
        result.addr.hold()
    for ports in changes:
        source.set(bound(*ports))
        kept = [port for port in ports if port < 1024]
        assert result.addr.value == (bound(*kept) if kept else AddrNeg())
