import pytest
from pydantic import ValidationError

from dtab import Bound, Leaf, Path
from noderouter.naming.addr import AddrBound, Address
from noderouter.naming.transformer.specific_host import SpecificHost
from noderouter.naming.var import Var


async def test_it_keeps_one_host(runtime):
    transformer = SpecificHost(kind="io.l5d.specificHost", host="10.0.0.2").build(runtime)
    kept = frozenset({Address("10.0.0.2", 80), Address("10.0.0.2", 81)})
    source = Var(AddrBound(kept | {Address("10.0.0.1", 80)}))
    (result,) = transformer.transform(Leaf(Bound(Path.of("id"), Path.EMPTY, source))).leaves()
    assert result.id.show() == "/%/io.l5d.specificHost/10.0.0.2/id"
    assert result.addr.value == AddrBound(kept)


def test_the_host_must_be_an_address():
    with pytest.raises(ValidationError, match="not an IP address"):
        SpecificHost(kind="io.l5d.specificHost", host="example.org")
