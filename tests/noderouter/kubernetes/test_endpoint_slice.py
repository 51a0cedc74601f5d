"""What is kept of EndpointSlices and Endpoints, odd ones included."""

import pytest

from noderouter.kubernetes.endpoint_slice import Host, Slice, project_endpoints, project_slice, reusing, service_of
from tests.testing.kube import draining, endpoint, endpoint_slice, not_ready


def test_a_slice():
    hosts = [
        endpoint("10.0.0.1", nodeName="n1", zone="a", hostname="web-0", hints={"forZones": [{"name": "a"}]}),
        draining("10.0.0.2", pod=None),
        not_ready("10.0.0.3", pod=None),
    ]
    made = endpoint_slice("web", hosts, {"http": 8080, None: 9090}, labels={"version": "v1"})
    assert service_of(made) == "web"
    kept = project_slice(made)
    assert kept.ports == (("http", 8080), ("", 9090))
    assert kept.hosts == (
        Host("10.0.0.1", True, False, "web-0", "n1", "a", "pod-10-0-0-1", "uid-10.0.0.1", ("a",)),
        Host("10.0.0.2", False, True),
        Host("10.0.0.3", False, False),
    )
    assert kept.label("version") == "v1"
    assert kept.label("other") == ""


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"endpoints": None, "ports": None},
        {"endpoints": [], "ports": []},
        {"endpoints": [{"addresses": []}, {"addresses": None}, {}], "ports": [{}, {"port": None}]},
        {"addressType": "FQDN", "endpoints": [{"addresses": ["db.example.com"]}]},
        {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]},
    ],
)
def test_what_says_nothing_is_nothing(odd):
    kept = project_slice({"metadata": {"name": "x"}} | odd)
    assert (kept.ports, kept.hosts) == ((), ())


def test_null_is_absent():
    odd = {
        "addresses": ["10.0.0.1"],
        "conditions": None,
        "targetRef": None,
        "hints": None,
        "nodeName": None,
        "zone": None,
        "hostname": None,
    }
    ports = [{"name": None, "port": 80, "protocol": None}]
    kept = project_slice({"metadata": {"name": "x", "labels": None}, "endpoints": [odd], "ports": ports})
    assert kept == Slice((("", 80),), (Host("10.0.0.1"),))
    assert service_of({"metadata": {"labels": None}}) is None


def test_endpoints_keep_their_subsets_apart():
    """Linkerd put every address at every port."""
    unready = [{"ip": "10.0.0.3"}]
    subsets = [
        {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"name": "http", "port": 1}]},
        {"addresses": [{"ip": "10.0.0.2"}], "notReadyAddresses": unready, "ports": [{"name": "http", "port": 2}]},
    ]
    kept = project_endpoints({"metadata": {"name": "x"}, "subsets": subsets})
    assert kept == (
        Slice((("http", 1),), (Host("10.0.0.1"),)),
        Slice((("http", 2),), (Host("10.0.0.2"), Host("10.0.0.3", ready=False))),
    )


@pytest.mark.parametrize("subsets", [{}, {"subsets": None}, {"subsets": []}])
def test_endpoints_without_subsets(subsets):
    assert project_endpoints({"metadata": {"name": "x"}} | subsets) == ()


def test_the_next_state_of_a_slice_shares_what_has_not_changed():
    def made(second):
        return project_slice(endpoint_slice("web", [endpoint("10.0.0.1", zone="a"), second, "10.0.0.3"]))

    old, fresh = made("10.0.0.2"), made(not_ready("10.0.0.2"))
    found = reusing(fresh, old)
    assert found == fresh
    assert [one is other for one, other in zip(found.hosts, old.hosts, strict=True)] == [True, False, True]
    assert found.labels is old.labels
    assert found.ports is old.ports
