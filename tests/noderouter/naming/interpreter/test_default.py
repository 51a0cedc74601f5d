from dtab import Dtab, Path
from noderouter.core.readiness import Readiness
from noderouter.core.var import Var
from noderouter.naming.binding import Binding
from noderouter.naming.interpreter.default import Default
from noderouter.naming.interpreter.interpreter import Sources
from noderouter.naming.utility import UtilityNamer


async def test_it_binds_with_the_routers_dtab(runtime):
    kind = Default(kind="default", transformers=[{"kind": "io.l5d.port", "port": 4141}])
    sources = Sources(Var(Dtab.parse("/svc => /$/inet/10.0.0.1")), [], UtilityNamer(runtime.resolver))
    interpreter = kind.build(runtime, sources)
    result = Binding(Path.parse("/svc/80"), None, interpreter.bind).result
    assert [leaf.id.show() for leaf in result.tree.leaves()] == ["/%/io.l5d.port/4141/$/inet/10.0.0.1/80"]
    assert interpreter.readiness() == Readiness(True, "dtab of 1 entry in effect")
