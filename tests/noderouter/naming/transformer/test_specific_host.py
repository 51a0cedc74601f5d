import pytest
from pydantic import ValidationError

from dtab import Bound, Leaf, Path
from noderouter.core.addr import AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.background import until
from noderouter.core.var import Var
from noderouter.naming.transformer.specific_host import SpecificHost


async def test_it_keeps_one_host(runtime):
    transformer = SpecificHost(kind="io.l5d.specificHost", host="10.0.0.2").build(runtime)
    kept = frozenset({Address("10.0.0.2", 80), Address("10.0.0.2", 81)})
    source = Var(AddrBound(kept | {Address("10.0.0.1", 80)}))
    (result,) = transformer.transform(Leaf(Bound(Path.of("id"), Path.EMPTY, source))).leaves()
    assert result.id.show() == "/%/io.l5d.specificHost/10.0.0.2/id"
    assert result.addr.value == AddrBound(kept)


async def test_a_name_is_followed(runtime, dns, autojump_clock):
    dns.answers["router.example.com"] = frozenset({"10.0.0.2", "10.0.0.3"})
    transformer = SpecificHost(kind="io.l5d.specificHost", host="router.example.com").build(runtime)
    source = Var(AddrBound(frozenset(Address(f"10.0.0.{n}", 80) for n in range(1, 4))))
    (result,) = transformer.transform(Leaf(Bound(Path.of("id"), Path.EMPTY, source))).leaves()
    assert result.id.show() == "/%/io.l5d.specificHost/router.example.com/id"
    result.addr.hold()
    assert result.addr.value == AddrPending()
    both = AddrBound(frozenset({Address("10.0.0.2", 80), Address("10.0.0.3", 80)}))
    await until(result.addr, lambda addr: addr == both)
    dns.answers["router.example.com"] = frozenset({"10.0.0.1"})
    await until(result.addr, lambda addr: addr == AddrBound(frozenset({Address("10.0.0.1", 80)})))
    dns.answers["router.example.com"] = frozenset({"10.0.0.9"})
    await until(result.addr, lambda addr: addr == AddrNeg())
    source.set(AddrFailed("no news"))
    assert result.addr.value == AddrFailed("no news")
    result.addr.release()


@pytest.mark.parametrize("host", ["a b", "", "http://x", "[::1]"])
def test_the_host_must_be_an_address_or_a_name(host):
    with pytest.raises(ValidationError, match="must be an address or a host name"):
        SpecificHost(kind="io.l5d.specificHost", host=host)
