from dtab import Bound, Leaf, Path
from noderouter.core.addr import AddrBound, Address
from noderouter.core.var import Var
from noderouter.naming.transformer.localhost import Localhost, is_local


def test_loopback_addresses_are_local_and_documentation_addresses_are_not():
    assert is_local("127.0.0.1")
    assert is_local("127.8.9.10")
    assert not is_local("192.0.2.1")
    assert not is_local("2001:db8::1")
    assert not is_local("not an address")


async def test_it_keeps_what_is_local(runtime):
    transformer = Localhost(kind="io.l5d.localhost").build(runtime)
    here, away = Address("127.0.0.1", 80, 0.5), Address("192.0.2.1", 80)
    source = Var(AddrBound(frozenset({here, away})))
    (result,) = transformer.transform(Leaf(Bound(Path.of("id"), Path.EMPTY, source))).leaves()
    assert result.id.show() == "/%/io.l5d.localhost/id"
    assert result.addr.value == AddrBound(frozenset({here}))
