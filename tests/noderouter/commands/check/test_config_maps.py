import pytest

from dtab import Path
from noderouter.commands.check.config_maps import check_config_map, judged
from noderouter.naming.stored.key import Key

KEY = Key("mesh", "routes", "dtab")


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        ({"data": {"dtab": "/svc => /#/io.l5d.fs"}}, "ok   dtab mesh/routes:dtab: valid, 1 entries, hash "),
        ({"data": {"dtab": ""}}, "ok   dtab mesh/routes:dtab: valid, 0 entries, hash "),
        ({"data": {"dtab": "/svc => /a ;\n/b -> /c"}}, "fail dtab mesh/routes:dtab: line 2, column 4: '='"),
        ({"data": {"dtab": "/svc => /a"}}, "warn dtab mesh/routes:dtab: valid, 1 entries"),
        ({"data": {"dtab": "/svc => /#/io.l5d.k8s"}}, "warn dtab mesh/routes:dtab: valid, 1 entries"),
        ({"data": {"other": ""}}, "warn dtab mesh/routes:dtab: the ConfigMap has no such key"),
        ({"binaryData": {"dtab": "/w=="}}, "fail dtab mesh/routes:dtab: not UTF-8"),
    ],
)
def test_a_configmap_that_is_there(thing, line):
    assert str(judged(KEY, thing, [Path.parse("/#/io.l5d.fs")])).startswith(line)


async def test_it_is_looked_for(server, api):
    absent = await check_config_map(api, KEY, [])
    assert str(absent).startswith("warn dtab mesh/routes:dtab: there is no such ConfigMap: an empty dtab is in effect")
    assert absent.hint == "kubectl -n mesh create configmap routes --from-file=dtab=FILE"
    server.store.put("configmaps", {"metadata": {"name": "routes", "namespace": "mesh"}, "data": {"dtab": ""}})
    assert (await check_config_map(api, KEY, [])).words.startswith("valid, 0 entries")
    server.faults.refuse(403)
    refused = await check_config_map(api, KEY, [])
    assert str(refused).startswith("fail dtab mesh/routes:dtab: GET /api/v1/namespaces/mesh/configmaps: 403")
