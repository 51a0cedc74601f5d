"""What a configuration needs of Kubernetes."""

import pytest

from noderouter.commands.check.plan import Needs, Place, plan_of
from noderouter.kubernetes.access import Kubeconfig, Plain
from noderouter.kubernetes.needs import Right
from tests.testing.router import checked, config

HERE = Place(Kubeconfig("/k"), "mesh")


def rights(plan):
    return {str(right): bool(right.without) for needs in plan.apis.values() for right in needs.rights}


def reading(where, *resources):
    return {f"{verb} {resource} in {where}" for verb in ("list", "watch") for resource in resources}


def test_nothing_of_kubernetes_needs_nothing():
    plan = plan_of(checked(config("/svc => /$/inet/1")), HERE)
    assert plan.apis == {}
    assert plan.variables == {}


@pytest.mark.parametrize(
    ("namer", "where", "resources", "optional"),
    [
        ({"kind": "io.l5d.k8s"}, "all namespaces", ("services", "endpointslices"), True),
        ({"kind": "io.l5d.k8s.ns"}, "mesh", ("services", "endpointslices"), False),
        ({"kind": "io.l5d.k8s.external"}, "all namespaces", ("services",), True),
    ],
)
def test_namers(namer, where, resources, optional):
    plan = plan_of(checked(config(namers=[namer])), HERE)
    assert rights(plan) == dict.fromkeys(reading(where, *resources), optional)


def test_transformers_of_namers_and_interpreters():
    daemonset = {"kind": "io.l5d.k8s.daemonset", "namespace": "l5d", "service": "l5d", "port": "incoming"}
    local = {"kind": "io.l5d.k8s.localnode"}
    settings = config(
        namers=[{"kind": "io.l5d.k8s.ns", "transformers": [local | {"hostNetwork": True}]}],
        interpreter={"kind": "default", "transformers": [daemonset, local]},
    )
    plan = plan_of(checked(settings), HERE)
    assert set(plan.variables) == {"NODE_NAME", "POD_IP"}
    assert set(rights(plan)) == reading("l5d", "services", "endpointslices") | reading(
        "mesh", "services", "endpointslices"
    )


def test_the_configmap():
    interpreter = {"kind": "io.l5d.k8s.configMap", "name": "routes", "filename": "dtab", "namespace": "mesh"}
    plan = plan_of(checked(config(interpreter=interpreter)), HERE)
    assert rights(plan) == {
        "list configmaps/routes in mesh": False,
        "watch configmaps/routes in mesh": False,
        "create events in mesh": True,
        "patch pods in mesh": True,
    }
    ((access, needs),) = plan.apis.items()
    assert access == Kubeconfig("/k")
    assert [str(key) for key in needs.config_maps] == ["mesh/routes:dtab"]


def test_several_apis_as_the_configuration_says(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "mine"))
    namers = [
        {"kind": "io.l5d.k8s", "host": "one"},
        {"kind": "io.l5d.k8s", "kubeconfig": "/two"},
        {"kind": "io.l5d.k8s"},
    ]
    plan = plan_of(checked(config(namers=namers)), Place())
    assert set(plan.apis) == {Plain("one", 8001), Kubeconfig("/two"), Kubeconfig(str(tmp_path / "mine"))}


def test_a_namespace_that_nobody_knows(monkeypatch, tmp_path):
    monkeypatch.setenv("NODEROUTER_SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    plan = plan_of(checked(config(namers=[{"kind": "io.l5d.k8s.ns"}])), Place(Kubeconfig("/k")))
    assert plan.variables == {"POD_NAMESPACE": "namer io.l5d.k8s.ns"}


def test_what_interception_cannot_do_without_a_namer_cannot_either():
    settings = config(
        servers=[{"port": 0}, {"port": 0, "capture": {}}],
        interpreter={"kind": "default"},
        namers=[{"kind": "io.l5d.k8s"}],
    )
    for first, second in ((settings, {"intercept": {}}), ({"intercept": {}}, settings)):
        plan = plan_of(checked(first | second), HERE)
        found = rights(plan)
        assert found["list services in all namespaces"] is False
        assert found["list endpointslices in all namespaces"] is True
        assert found["watch endpointslices in default"] is False
        assert {"list pods in all namespaces", "watch namespaces in all namespaces"} < set(found)
        assert plan.variables == {"NODE_NAME": "intercept"}


def test_of_equal_rights_the_one_that_nothing_works_without_counts():
    optional, needed = Right("services", "list", without="less"), Right("services", "list")
    for order in ([optional, needed], [needed, optional]):
        needs = Needs()
        for right in order:
            needs.add_right(right)
        assert [right.without for right in needs.rights] == [""]
