"""Properties of the manifests that golden files do not explain."""

from base64 import b64decode
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from noderouter.admin.token import read_tokens
from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.policy.limits import Limit, Limits, parse_limits
from noderouter.policy.model import Policies, parse_policies
from noderouter.telemetry.tracing import otlp
from tests.charts.helm import (
    CHART,
    KUBERNETES,
    Helm,
    HelmError,
    Object,
    ci_values,
    one,
    router_config,
    router_keys,
    staying,
)

PROFILES = sorted(ci_values())


def pod(objects: list[Object]) -> Object:
    template: Object = one(staying(objects), "DaemonSet")["spec"]["template"]
    return template


def container(objects: list[Object]) -> Object:
    found: Object = pod(objects)["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_selectors_select_the_routers_and_nothing_else_of_the_release(helm: Helm, profile: str):
    objects = helm.objects(ci_values()[profile])
    selector = one(staying(objects), "DaemonSet")["spec"]["selector"]["matchLabels"]
    assert set(selector) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    assert selector.items() <= pod(objects)["metadata"]["labels"].items()
    for test in (o for o in objects if o["kind"] == "Pod"):
        assert not selector.items() <= test["metadata"]["labels"].items()
    for service in (o for o in objects if o["kind"] == "Service"):
        assert service["spec"]["selector"] == selector


@pytest.mark.parametrize("profile", PROFILES)
def test_names_in_one_object_are_those_of_another(helm: Helm, profile: str):
    """Named ports of Services and probes are the container's; volumes, accounts and roles exist."""
    objects = staying(helm.objects(ci_values()[profile]))
    ports: set[str | int] = {port["name"] for port in container(objects).get("ports", [])}
    if not ports:  # they are the node's, and two routers share them for a while
        ports = numbers(objects)
    for service in (o for o in objects if o["kind"] == "Service"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    probes = [container(objects).get(f"{each}Probe") for each in ("startup", "liveness", "readiness")]
    for probe in filter(None, probes):
        if container(objects).get("ports"):
            assert probe["httpGet"]["port"] in ports
        else:
            assert probe["exec"]["command"][:4] == ["python3", "-I", "-m", "noderouter.probe"]
            assert probe["exec"]["command"][4] == router_keys(objects)["admin"]["probes"]["socket"]
    made = {(o["kind"], o["metadata"]["name"]) for o in objects}
    config = next(volume for volume in pod(objects)["spec"]["volumes"] if volume["name"] == "config")
    assert ("ConfigMap", config["configMap"]["name"]) in made
    assert ("ServiceAccount", pod(objects)["spec"]["serviceAccountName"]) in made
    for binding in (o for o in objects if o["kind"].endswith("Binding")):
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in made
        [subject] = binding["subjects"]
        assert subject["name"] == pod(objects)["spec"]["serviceAccountName"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_container_listens_where_the_configuration_says(helm: Helm, profile: str):
    objects = helm.objects(ci_values()[profile])
    spare = {5200}  # a port that `everything` declares for nobody
    if "ports" in container(objects):
        assert {port["containerPort"] for port in container(objects)["ports"]} - spare == numbers(objects)
    else:
        config = router_keys(objects)
        servers = [server for router in config["routers"] for server in router["servers"]]
        assert all(each["socketOptions"] == {"reusePort": True} for each in (*servers, config["admin"]))


def numbers(objects: list[Object]) -> set[str | int]:
    """The ports where the router listens, by its configuration."""
    config = router_keys(objects)
    listening = {server["port"] for router in config["routers"] for server in router["servers"]}
    return listening | {config["admin"]["port"], config["admin"]["probes"]["port"]}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_router_accepts_its_configuration(helm: Helm, profile: str):
    with patch.object(otlp, "installed", return_value=True):  # as in the image
        found = validate_text(router_config(helm.objects(ci_values()[profile])))
    assert isinstance(found, Config), "\n".join(problem.show("config.yaml") for problem in found)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_pod_is_restricted(helm: Helm, profile: str):
    """What the Pod Security Standard "restricted" asks of a container, host ports apart."""
    objects = helm.objects(ci_values()[profile])
    for spec in [pod(objects)["spec"], *(o["spec"] for o in objects if o["kind"] == "Pod")]:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"].get("runAsUser", 65532) > 0  # OpenShift fills in one of its own
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        context = spec["containers"][0]["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"]["drop"] == ["ALL"]
        assert not {"hostPID", "hostIPC"} & set(spec)


def test_host_ports(helm: Helm):
    def mapped(values: Object) -> dict[str, int]:
        ports = container(helm.objects(values)).get("ports", [])
        return {port["name"]: port["hostPort"] for port in ports if "hostPort" in port}

    assert mapped({}) == {"outgoing": 4140}
    assert mapped({"ports": {"outgoing": {"hostPort": None}, "probes": {"hostPort": 9991}}}) == {"probes": 9991}
    for values in ({"hostNetwork": True}, {"outgoing": {"via": "service"}}, {"outgoing": {"via": "node"}}):
        assert mapped(values) == {}
    assert mapped({"outgoing": {"via": "service"}, "ports": {"incoming": {"hostPort": 4141}}}) == {"incoming": 4141}


@pytest.mark.parametrize(
    ("values", "strategy"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"outgoing": {"via": "service"}}, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"outgoing": {"via": "node"}}, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"hostNetwork": True}, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"outgoing": {"via": "service"}, "ports": {"probes": {"hostPort": 9991}}}, {"maxUnavailable": 1}),
        ({"outgoing": {"via": "node", "router": {"servers": [{"port": 4140}]}}}, {"maxUnavailable": 1}),
    ],
)
def test_the_next_router_comes_before_the_last_one_goes_where_two_fit(helm: Helm, values: Object, strategy: Object):
    def rolling(values: Object) -> Object:
        found: Object = one(staying(helm.objects(values)), "DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"]
        return found

    assert rolling(values) == strategy
    of_ones_own: Object = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}}
    assert rolling(values | of_ones_own) == {"maxUnavailable": "10%"}
    surge: Object = {"updateStrategy": {"rollingUpdate": {"maxSurge": "10%", "maxUnavailable": 0}}}
    if "maxSurge" in strategy:
        assert rolling(values | surge) == {"maxSurge": "10%", "maxUnavailable": 0}
    else:
        with pytest.raises(HelmError, match="a node cannot have two routers"):
            helm.objects(values | surge)


def test_on_the_node_s_network_probes_find_a_port_on_loopback(helm: Helm):
    objects = helm.objects({"hostNetwork": True, "listenIp": "127.0.0.1"})
    assert pod(objects)["spec"]["dnsPolicy"] == "ClusterFirstWithHostNet"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(objects)[probe]["exec"]["command"][-1] in ("/livez", "/readyz")  # asked in the pod
    one_at_a_time: Object = {"outgoing": {"router": {"servers": [{"port": 4140}]}}}
    objects = helm.objects({"hostNetwork": True, "listenIp": "127.0.0.1"} | one_at_a_time)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(objects)[probe]["httpGet"]["host"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("values", "kubernetes", "milliseconds"),
    [
        ({}, "1.36.3", 33_000),
        ({}, "1.29.4", 35_000),  # no `sleep` action yet, so nothing to wait for
        ({"terminationGracePeriodSeconds": 3600}, "1.36.3", 3_593_000),
        ({"terminationGracePeriodSeconds": 86400, "preStopSeconds": 0, "drainMarginSeconds": 0}, "1.36.3", 86_400_000),
        ({"lifecycle": {"preStop": {"exec": {"command": ["true"]}}}}, "1.36.3", 35_000),
    ],
)
def test_the_drain_fits_the_grace_period(helm: Helm, values: Object, kubernetes: str, milliseconds: int):
    objects = helm.objects(values, kubernetes=kubernetes)
    assert router_keys(objects)["admin"]["shutdownGraceMs"] == milliseconds
    sleep = container(objects).get("lifecycle", {}).get("preStop", {}).get("sleep", {"seconds": 0})["seconds"]
    assert milliseconds / 1000 + sleep <= pod(objects)["spec"]["terminationGracePeriodSeconds"]


def test_keys_of_a_router_are_merged_unless_they_are_of_another_kind(helm: Helm):
    def outgoing(**keys: Any) -> Any:
        return yaml.safe_load(router_config(helm.objects({"outgoing": {"router": keys}})))["routers"][0]

    plain = outgoing()
    merged = outgoing(service={"totalTimeoutMs": 500}, bindingTimeoutMs=7)
    assert merged["service"] == plain["service"] | {"totalTimeoutMs": 500}
    assert merged["bindingTimeoutMs"] == 7
    assert merged["interpreter"] == plain["interpreter"]
    assert outgoing(interpreter={"kind": "default"})["interpreter"] == {"kind": "default"}
    same = outgoing(interpreter={"kind": "io.l5d.k8s.configMap", "name": "other"})["interpreter"]
    last_good = plain["interpreter"].pop("lastGood")  # that of the release, which is not for a dtab elsewhere
    assert last_good == "noderouter-dtab-last-good"
    assert same == plain["interpreter"] | {"name": "other"}
    static = {"kind": "io.l5d.static", "configs": [{"prefix": "/svc/a", "totalTimeoutMs": 1}]}
    assert outgoing(service=static)["service"] == static


def test_another_configuration_is_another_pod_and_another_dtab_is_not(helm: Helm):
    def template(values: Object) -> Any:
        return pod(helm.objects(values))

    assert template({"dtab": "/svc => /a"}) == template({})
    assert template({"outgoing": {"router": {"bindingTimeoutMs": 1}}}) != template({})


def test_nothing_is_outside_of_namespaces_where_they_are_listed(helm: Helm):
    objects = helm.objects(ci_values()["namespaced"])
    assert [o["kind"] for o in objects if o["kind"].startswith("Cluster")] == []
    roles = [o for o in objects if o["kind"] == "Role" and o["metadata"]["name"] == "noderouter"]
    assert {o["metadata"]["namespace"] for o in roles} == {"prod", "staging", "noderouter"}


def allowed(helm: Helm, values: Object | None = None) -> set[tuple[str, ...]]:
    """What all roles together allow, but for hooks': group, resource, verb, and perhaps names."""
    return {
        (group, resource, verb, *rule.get("resourceNames", []))
        for role in staying(helm.objects(values))
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_what_roles_allow(helm: Helm):
    """Reading, but for Events and the last good dtab. A rule that is added is added here, and in docs/chart.md."""
    read = ("list", "watch")
    assert allowed(helm) == {
        *(("discovery.k8s.io", "endpointslices", verb) for verb in read),
        *(("", "services", verb) for verb in read),
        *(("", "configmaps", verb, "noderouter-dtab", "noderouter-dtab-last-good") for verb in read),
        ("", "configmaps", "patch", "noderouter-dtab-last-good"),
        ("", "events", "create"),
    }


def test_pods_may_be_annotated_where_that_is_wanted(helm: Helm):
    wanted: Object = {"dtabConfigMap": {"annotatePods": True}}
    assert allowed(helm, wanted) - allowed(helm) == {("", "pods", "patch")}
    for values, there in ((None, False), (wanted, True)):
        (daemonset,) = [each for each in helm.objects(values) if each["kind"] == "DaemonSet"]
        (container,) = daemonset["spec"]["template"]["spec"]["containers"]
        assert ("POD_NAME" in {each["name"] for each in container["env"]}) is there


def test_policies_are_followed_where_that_is_wanted(helm: Helm):
    values: Object = {"policy": {"enabled": True, "policies": [{"name": "nobody", "action": "deny", "rules": [{}]}]}}
    values["policy"]["limits"] = [{"name": "slow", "requestsPerSecond": 1}]
    read = ("list", "watch")
    assert allowed(helm, values) - allowed(helm) == {
        *(("", "pods", verb) for verb in read),
        *(("", "configmaps", verb, "noderouter-policy", "noderouter-policy-last-good") for verb in read),
        ("", "configmaps", "patch", "noderouter-policy-last-good"),
    }
    objects = helm.objects(values)
    assert router_keys(objects)["policy"] == {
        "kind": "io.noderouter.configMap",
        "namespace": "noderouter",
        "name": "noderouter-policy",
        "lastGood": "noderouter-policy-last-good",
    }
    (made,) = [o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == "noderouter-policy"]
    policies = parse_policies(made["data"]["policies"])
    assert isinstance(policies, Policies)
    assert [policy.name for policy in policies.policies] == ["nobody"]
    assert parse_limits(made["data"]["limits"]) == Limits(limits=(Limit(name="slow", requestsPerSecond=1),))
    with pytest.raises(HelmError, match=r"leave rbac\.namespaces empty"):
        helm.objects(values | {"rbac": {"namespaces": ["prod"]}})


def test_two_releases_share_no_object(helm: Helm):
    def names(release: str, namespace: str) -> set[tuple[str, str | None, str]]:
        text = helm.run("template", release, CHART, "--kube-version", KUBERNETES, "--namespace", namespace)
        found = [o for o in yaml.safe_load_all(text) if o]
        return {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in found}

    assert not names("a", "x") & names("a", "y")
    assert not names("a", "x") & names("b", "x")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_admin_interface_is_on_loopback_unless_the_values_open_it(helm: Helm, profile: str):
    """Services and policies lead to the port for probes; to the interface's own only where it is open."""
    objects = helm.objects(ci_values()[profile])
    admin = router_keys(objects)["admin"]
    is_open = profile in ("everything", "admin-tls")
    assert (admin["ip"] != "127.0.0.1") is is_open
    assert admin["security"]["controlEnabled"] is False
    assert admin["probes"]["ip"] != "127.0.0.1"
    named = {port["targetPort"] for o in objects if o["kind"] == "Service" for port in o["spec"]["ports"]}
    let_in = {
        port["port"]
        for o in objects
        if o["kind"] == "NetworkPolicy"
        for rule in o["spec"]["ingress"]
        for port in rule["ports"]
    }
    assert named & {"probes", 9991}
    assert bool(named & {"admin", 9990}) is is_open
    assert (admin["port"] in let_in) is is_open
    assert not let_in or admin["probes"]["port"] in let_in
    [headless] = [o for o in objects if o["kind"] == "Service" and o["metadata"]["name"].endswith("-metrics")]
    assert f"{headless['metadata']['name']}.{headless['metadata']['namespace']}.svc" in admin["hosts"]


def test_the_token_of_the_admin_interface_is_made_where_there_is_none(helm: Helm):
    objects = helm.objects({"admin": {"token": {"enabled": True}}})
    secret = one(objects, "Secret")
    token = b64decode(secret["data"]["token"]).decode()
    assert len(token) == 43
    assert read_tokens(token)
    config = router_keys(objects)["admin"]
    (volume,) = [each for each in pod(objects)["spec"]["volumes"] if each["name"] == "admin-token"]
    (mount,) = [each for each in container(objects)["volumeMounts"] if each["name"] == "admin-token"]
    assert config["token"] == {"file": f"{mount['mountPath']}/token"}
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]


def test_a_token_that_is_given_is_not_made(helm: Helm):
    token = {"enabled": True, "existingSecret": "noderouter-token", "key": "admin.txt"}
    objects = helm.objects({"admin": {"ip": "0.0.0.0", "token": token}})
    assert [each for each in objects if each["kind"] == "Secret"] == []
    (volume,) = [each for each in pod(objects)["spec"]["volumes"] if each["name"] == "admin-token"]
    items = [{"key": "admin.txt", "path": "token"}]
    assert volume["secret"] == {"secretName": "noderouter-token", "items": items}
    test = next(each for each in objects if each["kind"] == "Pod")
    (variable,) = [each for each in test["spec"]["containers"][0]["env"] if each["name"] == "ADMIN_TOKEN"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "noderouter-token", "key": "admin.txt"}}
