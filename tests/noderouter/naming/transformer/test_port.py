import pytest
from pydantic import ValidationError

from dtab import Bound, Leaf, Path
from noderouter.core.addr import GATEWAY, AddrBound, Address
from noderouter.core.var import Var
from noderouter.naming.transformer.port import Port


async def test_it_replaces_the_port_and_nothing_else(runtime):
    transformer = Port(kind="io.l5d.port", port=4141).build(runtime)
    before = {
        Address("10.0.0.1", 80, 0.5, (("nodeName", "a"),)),
        Address("10.0.0.2", 80),
        Address("10.0.0.2", 81),
    }
    source = Var(AddrBound(frozenset(before)))
    (result,) = transformer.transform(Leaf(Bound(Path.of("id"), Path.EMPTY, source))).leaves()
    assert result.id.show() == "/%/io.l5d.port/4141/id"
    after = {Address("10.0.0.1", 4141, 0.5, (GATEWAY, ("nodeName", "a"))), Address("10.0.0.2", 4141, meta=(GATEWAY,))}
    assert result.addr.value == AddrBound(frozenset(after))


@pytest.mark.parametrize("port", [0, 65536, "80"])
def test_the_port_must_be_one(port):
    with pytest.raises(ValidationError):
        Port(kind="io.l5d.port", port=port)
