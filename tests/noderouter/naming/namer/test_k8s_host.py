from dataclasses import replace

import pytest
from pydantic import ValidationError

from dtab import NEG, Leaf, Ok, Path
from noderouter.core.computed import Reading
from noderouter.naming.namer.k8s_host import K8sHost


def answer(namer, path):
    return namer.lookup(Path.parse(path), Reading())


def make(**keys):
    return K8sHost.model_validate({"kind": "io.l5d.k8s.host", **keys})


async def test_a_host_is_the_name_of_a_service(runtime):
    namer = make(clusterDomain="example.internal").build(runtime)
    assert namer.prefix.show() == "/#/io.l5d.k8s.host"
    assert answer(namer, "/internal/example/svc/Shop/web") == Ok(Leaf(Path.parse("/service/shop/web")))
    assert answer(namer, "/com:443/example/www/a") == Ok(NEG)
    assert namer.state() == {"clusterDomain": "example.internal"}


async def test_the_domain_is_that_of_the_cluster_where_it_is_not_said(runtime):
    namer = make(name="/to", prefix="/x").build(replace(runtime, cluster_domain=lambda: "read.internal"))
    assert namer.prefix.show() == "/#/x"
    assert answer(namer, "/internal/read/svc/shop/web") == Ok(Leaf(Path.parse("/to/shop/web")))
    assert answer(namer, "/local/cluster/svc/shop/web") == Ok(NEG)


async def test_it_may_be_known_to_nobody(runtime):
    namer = make().build(runtime)
    assert answer(namer, "/svc/shop/web") == Ok(Leaf(Path.parse("/service/shop/web")))
    assert answer(namer, "/local/cluster/svc/shop/web") == Ok(NEG)
    assert namer.state() == {"clusterDomain": None}


@pytest.mark.parametrize(("key", "value"), [("clusterDomain", ".x"), ("clusterDomain", ""), ("name", "x")])
def test_keys_are_checked(key, value):
    with pytest.raises(ValidationError):
        make(**{key: value})
