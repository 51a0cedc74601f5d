from dtab import NEG, Ok, Path
from noderouter.core.computed import Reading
from noderouter.naming.namer.k8s_service import K8sService


async def test_a_service_at_a_port_or_at_that_for_http(runtime):
    namer = K8sService(kind="io.l5d.k8s.service").build(runtime)

    def answer(path: str) -> str:
        found = namer.lookup(Path.parse(path), Reading())
        assert isinstance(found, Ok)
        return found.tree.show()

    assert namer.prefix.show() == "/#/io.l5d.k8s.service"
    assert answer("/shop/web") == "/k8s/shop/http/web | /k8s/shop/80/web"
    assert answer("/shop/web/8080") == "/k8s/shop/8080/web"
    assert answer("/shop/db-0.db/5432") == "/k8s/shop/5432/db-0.db"
    assert answer("/shop") == NEG.show()
