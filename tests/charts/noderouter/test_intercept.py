"""The manifests with `intercept.enabled`: what the pod gets, and what it does not get where it is off."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from noderouter.interception.keeper import options
from tests.charts.helm import Helm, Object, ci_values, one, router_keys, staying
from tests.charts.noderouter.test_objects import allowed, container, pod

ON: Object = {"intercept": {"enabled": True}}


def intercept(**values: Any) -> Object:
    return {"intercept": {"enabled": True, **values}}


def keeper(objects: list[Object]) -> Object:
    """The container that keeps the rules, wherever it is."""
    spec = pod(objects)["spec"]
    [found] = [each for each in [*spec.get("initContainers", []), *spec["containers"]] if each["name"] == "intercept"]
    return dict(found)


def arguments(objects: list[Object]) -> list[str]:
    """What follows `noderouter intercept`."""
    found = keeper(objects)
    assert found["command"][:2] == ["noderouter", "intercept"]
    return [*found["command"][2:], *found["args"]]


def outgoing(objects: list[Object]) -> Any:
    [router] = [each for each in router_keys(objects)["routers"] if each["label"] == "outgoing"]
    return router


def test_where_it_is_off_nothing_of_it_is_there(helm: Helm):
    """A profile that does not ask for it has no privilege, no right and no port more than ever."""
    for name in ("default", "everything", "hostnetwork"):
        objects = [
            each for each in helm.objects(ci_values()[name]) if each not in hooks(helm.objects(ci_values()[name]))
        ]
        text = yaml.safe_dump(objects)
        assert "NET_ADMIN" not in text
        assert "intercept" not in text
        assert "capture" not in text


def test_the_keeper_understands_its_arguments(helm: Helm):
    """By its own parser; `NODE_IPS` stands for what the downward API says."""
    parsed_options = options.parser().parse_args(arguments(helm.objects(ci_values()["intercept-closed"])))
    assert parsed_options.command == "run"
    assert (parsed_options.mode, parsed_options.scope, parsed_options.failure_mode) == ("nft", "all", "closed")
    assert parsed_options.exclude_port == [22, 9100]
    assert [str(each) for each in parsed_options.exclude_cidr] == ["192.0.2.0/24", "2001:db8::/32"]
    assert parsed_options.exclude_namespace == ["monitoring", "storage"]
    assert parsed_options.reconcile_seconds == 5
    assert parsed_options.capture_port == 5143


def test_router_and_keeper_meet_at_one_socket_and_one_port(helm: Helm):
    for name in ("intercept", "intercept-closed"):
        objects = helm.objects(ci_values()[name])
        said = options.parser().parse_args(arguments(objects))
        config = router_keys(objects)
        assert config["intercept"]["socket"] == str(said.socket)
        for each in (keeper(objects), container(objects)):
            assert {"name": "run", "mountPath": str(said.socket.parent)} in each["volumeMounts"]
        [capturing] = [server for server in outgoing(objects)["servers"] if "capture" in server]
        assert capturing["port"] == said.capture_port
        assert said.allow_uid == [pod(objects)["spec"]["securityContext"]["runAsUser"]]
        assert not str(said.lock).startswith(f"{said.socket.parent}/")
        ports = {port["name"]: port for port in container(objects).get("ports", [])}
        assert not ports or ports["capture"]["containerPort"] == said.capture_port


@pytest.mark.parametrize(
    ("values", "user"),
    [
        ({}, 65532),
        ({"podSecurityContext": {"runAsUser": 1000}}, 1000),
        ({"securityContext": {"runAsUser": 1001}}, 1001),
        ({"podSecurityContext": {"runAsUser": None}}, 65532),  # the image's
        ({"securityContext": {"runAsUser": 0}}, 0),
        ({"podSecurityContext": {"runAsUser": 1000620000}}, 1000620000),  # OpenShift's numbers
    ],
)
def test_who_runs_as_the_router_may_tell_the_keeper(helm: Helm, values: Object, user: int):
    assert f"--allow-uid={user}" in arguments(helm.objects(ON | values))


def test_servers_of_one_s_own_stay_and_the_capturing_one_is_added(helm: Helm):
    values = ON | {"outgoing": {"router": {"servers": [{"port": 5000, "ip": "::1"}, {"port": 5001}]}}}
    assert [server["port"] for server in outgoing(helm.objects(values))["servers"]] == [5000, 5001, 4143]


def test_routers_of_one_s_own_may_capture(helm: Helm):
    router: Object = {"protocol": "http", "label": "mine", "servers": [{"port": 4140}, {"port": 4143, "capture": {}}]}
    ports = {"extra": [{"name": "mine", "port": 4140}, {"name": "mine-captured", "port": 4143}]}
    objects = helm.objects(ON | {"routers": [router], "ports": ports})
    assert router_keys(objects)["routers"] == [router]
    assert "--capture-port=4143" in arguments(objects)
    # Its servers do not share their ports, so one router ends before the next begins.
    strategy = one(staying(objects), "DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 1}
    for server in router["servers"]:
        server["socketOptions"] = {"reusePort": True}
    objects = helm.objects(ON | {"routers": [router], "ports": ports})
    assert one(staying(objects), "DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] == 1


@pytest.mark.parametrize(("kubernetes", "sidecar"), [("1.28.9", False), ("1.29.0", True), ("1.36.3", True)])
def test_the_keeper_outlives_the_router_where_kubernetes_knows_sidecars(helm: Helm, kubernetes: str, sidecar: bool):
    spec = pod(helm.objects(ON, kubernetes=kubernetes))["spec"]
    assert [each["name"] for each in spec["containers"]] == ["noderouter"] + ["intercept"] * (not sidecar)
    if sidecar:
        [found] = spec["initContainers"]
        assert found["restartPolicy"] == "Always"
    else:
        assert "initContainers" not in spec
        assert "restartPolicy" not in spec["containers"][1]


def test_init_containers_of_one_s_own_come_before_the_keeper(helm: Helm):
    values = ON | {"extraInitContainers": [{"name": "wait", "image": "wait:1"}]}
    names = [each["name"] for each in pod(helm.objects(values))["spec"]["initContainers"]]
    assert names == ["wait", "intercept"]


@pytest.mark.parametrize(
    ("listen", "kubernetes", "variable", "field"),
    [
        ("0.0.0.0", "1.36.3", "NODE_IP", "status.hostIP"),
        ("::", "1.36.3", "NODE_IPS", "status.hostIPs"),
        ("::", "1.29.4", "NODE_IP", "status.hostIP"),
    ],
)
def test_connections_are_sent_where_the_router_listens(
    helm: Helm, listen: str, kubernetes: str, variable: str, field: str
):
    """Both families only where it listens at both: a connection that was sent where nobody listens is refused."""
    objects = helm.objects(ON | {"listenIp": listen}, kubernetes=kubernetes)
    env = {each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"] for each in keeper(objects)["env"]}
    assert env == {variable: field}
    assert outgoing(objects)["servers"][-1]["ip"] == listen


def test_only_the_keeper_is_privileged_and_no_more_than_it_needs(helm: Helm):
    for mode, capabilities in (("auto", ["NET_ADMIN", "NET_RAW"]), ("nft", ["NET_ADMIN"])):
        objects = helm.objects(intercept(mode=mode))
        context = keeper(objects)["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"], "add": capabilities}
        assert (context["runAsUser"], context["privileged"], context["allowPrivilegeEscalation"]) == (0, False, False)
        assert context["readOnlyRootFilesystem"] is True
        assert container(objects)["securityContext"] == container(helm.objects())["securityContext"]
        assert pod(objects)["spec"]["securityContext"] == pod(helm.objects())["spec"]["securityContext"]


def test_the_keeper_s_security_context_may_say_more(helm: Helm):
    context = keeper(helm.objects(intercept(securityContext={"seLinuxOptions": {"type": "spc_t"}})))["securityContext"]
    assert context["seLinuxOptions"] == {"type": "spc_t"}
    assert context["capabilities"]["add"] == ["NET_ADMIN", "NET_RAW"]


def test_it_is_on_the_node_s_network_without_host_ports(helm: Helm):
    objects = helm.objects(ON)
    assert pod(objects)["spec"]["hostNetwork"] is True
    assert pod(objects)["spec"]["dnsPolicy"] == "ClusterFirstWithHostNet"
    # A declared port would be a host port there, which two pods cannot have.
    assert not [each for each in (container(objects), keeper(objects)) if "ports" in each]
    strategy = one(staying(objects), "DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}
    assert "capture" not in {port["name"] for port in one(objects, "Service", "noderouter")["spec"]["ports"]}


def test_folders_of_the_node(helm: Helm):
    def node(values: Object) -> dict[str, str]:
        volumes = pod(helm.objects(values))["spec"]["volumes"]
        return {each["hostPath"]["path"]: each["hostPath"]["type"] for each in volumes if "hostPath" in each}

    both = {"/run/noderouter": "DirectoryOrCreate", "/run/xtables.lock": "FileOrCreate"}
    assert node(ON) == node(intercept(mode="iptables")) == both
    assert node(intercept(mode="nft")) == {"/run/noderouter": "DirectoryOrCreate"}
    assert "hostPath" not in str(container(helm.objects(ON))["volumeMounts"])
    assert "node" not in {mount["name"] for mount in container(helm.objects(ON))["volumeMounts"]}


def test_what_it_may_read_more(helm: Helm):
    read = {("", resource, verb) for resource in ("pods", "namespaces") for verb in ("list", "watch")}
    assert allowed(helm, ON) - allowed(helm) == read
    assert allowed(helm) <= allowed(helm, ON)


def test_what_the_router_is_told(helm: Helm):
    objects = helm.objects(ci_values()["intercept-closed"])
    config = router_keys(objects)
    assert config["intercept"] == {
        "socket": "/run/noderouter/intercept.sock",
        "selection": "optIn",
        "opaquePorts": [5432],
    }
    assert outgoing(objects)["servers"][-1]["capture"] == {
        "identifier": [{"kind": "io.l5d.originalDst"}],
        "hostMismatch": "refuse",
        "detectTimeoutMs": 250,
        "idleTimeoutMs": 60000,
    }
    assert outgoing(objects)["servers"][-1]["addForwardedHeader"] == {"for": {"kind": "ip"}}


def hooks(objects: list[Object]) -> list[Object]:
    """What is there for uninstalling only."""
    return [o for o in objects if o["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-delete"]


def weight(hook: Object) -> int:
    return int(hook["metadata"]["annotations"].get("helm.sh/hook-weight", 0))


def test_routers_end_before_what_they_need_is_taken_away(helm: Helm):
    found = hooks(helm.objects(ON))
    assert {o["kind"] for o in found} == {"ServiceAccount", "Role", "RoleBinding", "Job"}
    job = one(found, "Job")
    assert all(weight(o) < weight(job) for o in found if o is not job)
    [rule] = one(found, "Role")["rules"]
    routers = one(staying(helm.objects(ON)), "DaemonSet")["metadata"]["name"]
    assert (rule["resourceNames"], rule["verbs"]) == ([routers], ["get", "delete"])
    env = {each["name"]: each["value"] for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert (env["ACTION"], env["DAEMONSET"]) == ("end", routers)
    assert {o["kind"] for o in hooks(helm.objects())} == {o["kind"] for o in found}
    without: Object = {"hooks": {"uninstall": False}}
    assert hooks(helm.objects(without)) == []
    assert len(hooks(helm.objects(ON | without))) == len(found)


def test_rules_that_outlive_the_keeper_are_taken_away_by_a_hook(helm: Helm):
    objects = helm.objects(intercept(failureMode="closed"))
    found = hooks(objects)
    ending, waiting = sorted((o for o in found if o["kind"] == "Job"), key=weight)
    removing = one(found, "DaemonSet")
    assert weight(ending) < weight(removing) < weight(waiting)
    spec = removing["spec"]["template"]["spec"]
    [remove] = spec["initContainers"]
    assert remove["securityContext"] == keeper(objects)["securityContext"]
    router = pod(objects)["spec"]
    for key in ("nodeSelector", "tolerations", "hostNetwork"):
        assert spec[key] == router[key]
    assert removing["spec"]["selector"] != one(staying(objects), "DaemonSet")["spec"]["selector"]
    words = [word.rstrip(";") for word in remove["command"][-1].split() if word.startswith("--")]
    said = options.parser().parse_args(["remove", *words])
    assert said.lock == options.parser().parse_args(arguments(objects)).lock
    assert said.lock.parent in {Path(mount["mountPath"]) for mount in remove["volumeMounts"]}
