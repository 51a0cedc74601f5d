"""What a pod's object says; what interception makes of it is in its own tests."""

import pytest

from noderouter.kubernetes.pod import network, runs, workload_of

RUNNING, ENDED = {"state": {"running": {}}}, {"state": {"terminated": {"exitCode": 0}}}


@pytest.mark.parametrize(
    ("owner", "workload"),
    [
        ({"kind": "ReplicaSet", "name": "web-7d9f8", "controller": True}, "web"),
        ({"kind": "ReplicaSet", "name": "by-hand", "controller": True}, "by-hand"),
        ({"kind": "StatefulSet", "name": "db-7d9f8", "controller": True}, "db-7d9f8"),
        ({"kind": "ReplicaSet", "name": "web-7d9f8"}, "web-7d9f8-x2x4z"),
    ],
)
def test_the_workload_is_what_made_the_pod(owner, workload):
    metadata = {"name": "web-7d9f8-x2x4z", "labels": {"pod-template-hash": "7d9f8"}, "ownerReferences": [owner]}
    assert workload_of(metadata) == workload
    assert workload_of({"name": "alone"}) == "alone"


@pytest.mark.parametrize(
    ("metadata", "status", "expected"),
    [
        ({}, {"phase": "Running"}, True),
        ({}, {"phase": "Pending"}, True),
        ({}, {"phase": "Succeeded"}, False),
        ({}, {"phase": "Failed"}, False),
        ({"deletionTimestamp": "now"}, {"phase": "Running"}, True),
        ({"deletionTimestamp": "now"}, {"containerStatuses": [ENDED, RUNNING]}, True),
        ({"deletionTimestamp": "now"}, {"containerStatuses": [ENDED]}, False),
    ],
)
def test_whether_anything_runs(metadata, status, expected):
    assert runs(metadata, status) is expected


@pytest.mark.parametrize("condition", ["PodReadyToStartContainers", "PodHasNetwork"])
def test_the_network(condition):
    assert network({}) == (True, "")
    told = {"type": condition, "status": "True", "lastTransitionTime": "noon"}
    assert network({"conditions": [told]}) == (True, "noon")
    assert network({"conditions": [{**told, "status": "False"}]})[0] is False
