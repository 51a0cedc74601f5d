"""Services that lead to the router itself are not captured: who dials one wants a proxy."""

import pytest

from noderouter.interception.control.pods import Ourselves, project_pod
from noderouter.interception.control.services import ServiceFacts, project_service

LABELS = {"app": "noderouter", "pod-template-hash": "1"}
OURS = frozenset(LABELS.items())


def service(namespace: str, selector: dict[str, str] | None) -> ServiceFacts:
    """A Service as the API sends it, to a router in `mesh`."""
    spec = {"clusterIPs": ["10.96.0.9"], "ports": [{"port": 4140}]} | ({"selector": selector} if selector else {})
    thing = {"metadata": {"namespace": namespace, "name": "noderouter"}, "spec": spec}
    return project_service(thing, frozenset(), "mesh")


def test_our_labels_are_those_of_our_own_pod():
    ourselves = Ourselves("mesh", "noderouter-x")
    metadata = {"namespace": "mesh", "name": "noderouter-x", "uid": "1", "labels": LABELS}
    assert project_pod({"metadata": metadata}, ourselves).labels == OURS
    assert project_pod({"metadata": metadata | {"name": "other"}}, ourselves).labels == frozenset()


@pytest.mark.parametrize(
    ("namespace", "selector", "leads"),
    [
        ("mesh", {"app": "noderouter"}, True),
        ("mesh", LABELS, True),
        ("mesh", {"app": "noderouter", "canary": "yes"}, False),
        ("mesh", {"app": "hello"}, False),
        ("mesh", None, False),
        ("prod", {"app": "noderouter"}, False),
    ],
)
def test_a_service_leads_to_us_where_its_selector_fits(namespace, selector, leads):
    assert service(namespace, selector).leads_to(OURS) is leads


def test_nothing_leads_to_a_router_that_is_no_pod():
    assert not service("mesh", {"app": "noderouter"}).leads_to(frozenset())
