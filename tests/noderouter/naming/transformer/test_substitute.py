import pytest
from pydantic import ValidationError

from dtab import EMPTY, FAIL, Bound, Leaf, Path, Union
from noderouter.core.addr import OPERATOR, AddrBound, Address, AddrPending
from noderouter.core.var import Var
from noderouter.naming.transformer.const import Const
from noderouter.naming.transformer.replace import Replace
from noderouter.naming.transformer.substitute import SubstituteKind

LEAF = Leaf(Bound(Path.of("id"), Path.EMPTY, Var(AddrPending())))


@pytest.mark.parametrize(("kind", "name"), [(Replace, "io.l5d.replace"), (Const, "io.l5d.const")])
async def test_the_path_takes_the_place_of_what_was_bound(runtime, kind, name):
    transformer = kind(kind=name, path=Path.parse("/$/inet/127.0.0.1/80/rest")).build(runtime)
    for tree in (LEAF, EMPTY, FAIL, Union(())):
        (result,) = transformer.transform(tree).leaves()
        assert (result.id.show(), result.residual.show()) == (f"/%/{name}/$/inet/127.0.0.1/80", "/rest")
        assert result.addr.value == AddrBound(frozenset({Address("127.0.0.1", 80, origin=OPERATOR)}))


async def test_the_path_may_be_rewritten_on_the_way(runtime):
    path = Path.parse("/$/io.buoyant.porthostPfx/$/127.0.0.1:80")
    with pytest.raises(ValidationError, match="Unknown namer"):
        Replace(kind="io.l5d.replace", path=path)
    path = Path.parse("/$/io.buoyant.hostportPfx/$/inet:80")
    (result,) = Replace(kind="io.l5d.replace", path=path).build(runtime).transform(LEAF).leaves()
    assert result.id.show() == "/%/io.l5d.replace/$/inet/80"


async def test_it_may_lead_to_nothing_on_purpose(runtime):
    assert Const(kind="io.l5d.const", path=Path.parse("/$/nil")).build(runtime).transform(LEAF) is EMPTY


@pytest.mark.parametrize("path", ["/svc/web", "/#/io.l5d.fs/web", "/$/inet", "/$/io.buoyant.rinet/80", "no path"])
def test_a_path_that_leads_nowhere_is_refused_with_the_configuration(path):
    with pytest.raises(ValidationError):
        SubstituteKind(kind="", path=path)
