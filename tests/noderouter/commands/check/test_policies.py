import pytest

from noderouter.commands.check.policies import check_policies, judged
from noderouter.naming.stored.key import Key
from tests.noderouter.policy.test_model import DESIGNED

KEY = Key("mesh", "policy", "policies")


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        ({"data": {"policies": DESIGNED}}, "ok   policy mesh/policy:policies: valid, 2 entries, hash "),
        ({"data": {"policies": "- {name: a}"}}, "fail policy mesh/policy:policies: line 1, column 3: policies[0]."),
        ({"data": {"other": ""}}, "ok   policy mesh/policy:policies: no such key: an empty list of policies"),
        ({"binaryData": {"policies": "/w=="}}, "fail policy mesh/policy:policies: not UTF-8"),
    ],
)
def test_a_configmap_that_is_there(thing, line):
    assert str(judged(KEY, thing)).startswith(line)


async def test_it_is_looked_for(server, api):
    (absent,) = await check_policies(api, "mesh", "policy")
    assert str(absent).startswith("warn policy mesh/policy: there is no such ConfigMap: everybody may reach everything")
    assert absent.hint == "kubectl -n mesh create configmap policy --from-file=policies=FILE"
    server.store.put("configmaps", {"metadata": {"name": "policy", "namespace": "mesh"}, "data": {"policies": "[]"}})
    assert (await check_policies(api, "mesh", "policy"))[0].words.startswith("valid, 0 entries")
    server.faults.refuse(403)
    (refused,) = await check_policies(api, "mesh", "policy")
    assert str(refused).startswith("fail policy mesh/policy: GET /api/v1/namespaces/mesh/configmaps: 403")
