from dtab import EMPTY, NEG, Bound, Leaf, Path
from dtab.utility import Status
from noderouter.naming.transformer.replace import Replace

PATH = Path.parse("/$/io.buoyant.http.status/503")
SUBSTITUTE = Leaf(Bound(Path.parse("/%/io.l5d.replace/$/io.buoyant.http.status/503"), Path.EMPTY, Status(503)))


async def test_everything_but_neg_is_replaced(runtime):
    transformer = Replace(kind="io.l5d.replace", path=PATH).build(runtime)
    assert transformer.prefix.show() == "/%/io.l5d.replace"
    assert transformer.transform(EMPTY) == SUBSTITUTE
    assert transformer.transform(NEG) == NEG
