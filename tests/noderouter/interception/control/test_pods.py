"""Which pods are captured: by phase, network, namespace; and that we are never one of them."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.interception.control.pods import (
    Ourselves,
    judged,
    namespaces_of,
    project_pod,
    workloads_of,
)
from noderouter.interception.control.selection import SelectionMode, SelectionValue
from noderouter.interception.keeper.protocol import decode, encode_pods
from noderouter.interception.keeper.state import Pod
from tests.testing.kube_pods import networked, pod

NOBODY = Ourselves()
RUNNING, ENDED = {"state": {"running": {}}}, {"state": {"terminated": {"exitCode": 0}}}


def why(thing, ourselves=NOBODY):
    return project_pod(thing, ourselves).direct


def deleted(thing, **status):
    thing["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    thing["status"] |= status
    return thing


def test_a_running_pod_is_captured_by_uid_and_all_its_addresses():
    facts = project_pod(pod("web", "10.0.0.1", "fd00::1"), NOBODY)
    assert facts.direct == ""
    assert facts.told == Pod("uid-web", "default", (ip_address("10.0.0.1"), ip_address("fd00::1")))


def test_old_nodes_say_one_address():
    thing = pod("web", "10.0.0.1")
    del thing["status"]["podIPs"]
    assert project_pod(thing, NOBODY).addresses == (ip_address("10.0.0.1"),)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_what_has_ended_is_not(phase):
    assert why(pod("job", "10.0.0.1", phase=phase)) == "it has ended"


def test_pending_is_captured_once_it_has_an_address():
    assert why(pod("web")) == "it has no address yet"
    assert why(pod("web", "10.0.0.1", phase="Pending")) == ""


def test_a_terminating_pod_is_captured_until_its_last_container_has_ended():
    assert why(deleted(pod("web", "10.0.0.1"))) == "", "nothing is known of its containers"
    assert why(deleted(pod("web", "10.0.0.1"), containerStatuses=[RUNNING, ENDED])) == ""
    sidecar = {"containerStatuses": [ENDED], "initContainerStatuses": [RUNNING]}
    assert why(deleted(pod("web", "10.0.0.1"), **sidecar)) == ""
    assert why(deleted(pod("web", "10.0.0.1"), containerStatuses=[ENDED, ENDED])) == "it has ended"
    assert why(pod("web", "10.0.0.1", containerStatuses=[ENDED])) == "", "it is started again"


def test_a_network_that_is_made_anew():
    def facts(*conditions):
        return project_pod(pod("web", "10.0.0.1", conditions=list(conditions)), NOBODY)

    assert facts(networked("True", "noon")).network == "noon"
    assert facts(networked("True", "noon")).direct == ""
    assert facts(networked("False", "one")).direct == "its network is being made"
    assert facts({"type": "PodHasNetwork", "status": "False"}).direct != ""
    assert facts({"type": "Ready", "status": "False"}).direct == ""


def test_host_network_and_kube_system_are_not():
    thing = pod("proxy", "192.0.2.1")
    thing["spec"]["hostNetwork"] = True
    assert "hostNetwork" in why(thing)
    assert "kube-system" in why(pod("dns", "10.0.0.1", namespace="kube-system", choice="enabled"))


@pytest.mark.parametrize(
    "environment",
    [{"POD_NAME": "l5d-x", "POD_NAMESPACE": "mesh"}, {"POD_UID": "uid-l5d-x"}],
)
def test_we_are_not(environment, monkeypatch):
    for name in ("POD_NAME", "POD_NAMESPACE", "POD_UID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ourselves = Ourselves.from_environment()
    assert why(pod("l5d-x", "10.0.0.1", namespace="mesh", choice="enabled"), ourselves) == "it is this router"
    assert why(pod("l5d-y", "10.0.0.1", namespace="mesh"), ourselves) == ""
    assert why(pod("l5d-x", "10.0.0.1", namespace="mesh"), NOBODY) == ""


@pytest.mark.parametrize(
    "ip", ["", "name", "10.0.0.256", "fe80::1%eth0", "::ffff:10.0.0.1", "None"],
)  # fmt: skip
def test_addresses_that_no_packet_has_are_left_out(ip):
    thing = pod("web", "10.0.0.1")
    thing["status"]["podIPs"] = [{"ip": ip}, {"ip": "10.0.0.2"}, {"ip": "10.0.0.2"}]
    assert project_pod(thing, NOBODY).addresses == (ip_address("10.0.0.2"),)


def test_pods_wait_for_their_namespace():
    facts = project_pod(pod("web", "10.0.0.1", namespace="shop"), NOBODY)
    assert list(judged([facts], {}, SelectionMode.OPT_OUT)) == [(facts, "its namespace is not known yet")]
    assert list(judged([facts], {"shop": SelectionValue.UNSET}, SelectionMode.OPT_OUT)) == [(facts, "")]
    ((_, reason),) = judged([facts], {"shop": SelectionValue.DISABLED}, SelectionMode.OPT_OUT)
    assert "namespace's label" in reason


WORDS = st.one_of(st.none(), st.text(max_size=8), st.integers(), st.booleans())
MAPPINGS = st.dictionaries(
    st.sampled_from(["name", "namespace", "uid", "phase", "podIP", "hostNetwork", "deletionTimestamp"]),
    WORDS,
    max_size=5,
)


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_whatever_an_object_says_is_read(metadata, spec, status):
    project_pod({"metadata": metadata, "spec": spec, "status": status}, NOBODY)


@given(st.lists(st.one_of(st.ip_addresses(), st.text(max_size=20)).map(str), max_size=12))
def test_what_is_told_is_what_the_keeper_takes(ips):
    thing = pod("web", *ips)
    told = (project_pod(thing, NOBODY).told,)
    assert decode(encode_pods(1, told)).pods == told


def test_clients_are_known_by_the_pod_that_speaks_from_their_address():
    """Nobody on the node's network, nor from an address that is about to be another pod's."""
    on_host = pod("host", "192.0.2.1", namespace="shop")
    on_host["spec"]["hostNetwork"] = True
    pods = [
        pod("web", "10.0.0.1", "fd00::0:1", namespace="shop"),
        pod("dns", "10.0.0.2", namespace="kube-system"),  # not captured, and as good a client as any
        on_host,
        pod("job", "10.0.0.3", namespace="shop", phase="Succeeded"),
        pod("next", "10.0.0.3", namespace="prod"),
        pod("one", "10.0.0.4", namespace="shop"),
        pod("two", "10.0.0.4", namespace="prod"),
        pod("made", "10.0.0.5", namespace="shop", conditions=[networked("False")]),
    ]
    assert namespaces_of(project_pod(each, Ourselves()) for each in pods) == {
        "10.0.0.1": b"shop",
        "fd00::1": b"shop",
        "10.0.0.2": b"kube-system",
        "10.0.0.3": b"prod",
    }


def test_workloads_are_known_by_the_addresses_that_pods_speak_from():
    pods = [
        project_pod(pod("web", "10.0.0.1", "fd00::1", namespace="shop"), NOBODY),
        project_pod(pod("gone", "10.0.0.2", phase="Failed"), NOBODY),
    ]
    assert workloads_of(pods) == {"10.0.0.1": ("shop", "web"), "fd00::1": ("shop", "web")}
