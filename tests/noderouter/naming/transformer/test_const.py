from dtab import EMPTY, NEG, Bound, Leaf, Path
from dtab.utility import Status
from noderouter.naming.transformer.const import Const

PATH = Path.parse("/$/io.buoyant.http.status/503")
SUBSTITUTE = Leaf(Bound(Path.parse("/%/io.l5d.const/$/io.buoyant.http.status/503"), Path.EMPTY, Status(503)))


async def test_everything_is_replaced(runtime):
    transformer = Const(kind="io.l5d.const", path=PATH).build(runtime)
    assert transformer.prefix.show() == "/%/io.l5d.const"
    assert transformer.transform(EMPTY) == SUBSTITUTE
    assert transformer.transform(NEG) == SUBSTITUTE
