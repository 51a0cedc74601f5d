"""Pods that have only just begun, or soon end: from when on they are captured, and that they leave nothing behind."""

import json
from datetime import datetime
from statistics import median

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import Object, until
from tests.cluster.real.cluster import RealCluster
from tests.cluster.workload import CLIENT
from tests.real.interception.site import Side
from tests.testing.busy import BUSY_SECONDS
from tests.testing.figures import State

pytestmark = pytest.mark.root

PODS = 50
AT_A_TIME = 2
"""On each node."""
WITHIN_SECONDS = 5.0 + BUSY_SECONDS
"""Of its start a pod is captured; what is measured is a tenth of a second."""
TICKS = 100
JOB_SECONDS = 500
"""All of its pods; less than a test may take."""

ASKS = """
start=$(cut -d' ' -f22 /proc/$$/stat)
end=$(($start + $2))
ticks=$start
direct=1
while [ $ticks -lt $end ] || [ $direct = 1 ] && [ $ticks -lt $(($start + 1000)) ]; do
  read up _ </proc/uptime
  ticks=$(echo $up | tr -d .)
  via=$(curl -sS -o /dev/null -w '%header{via}' $1) || exit 1
  [ -n "$via" ] && direct=0 && echo $(($ticks - $start)) routed || echo $(($ticks - $start)) direct
done
"""
"""Asks for `$1` from the first instant on, at least for `$2` hundredths of a second, and until it is routed.

Prints when each request began, in hundredths of a second since its own start, and what became of it.
"""


def job(name: str, node: str, url: str, ticks: int, pods: int = 1, waits: str = "") -> Object:
    """Pods that ask; with `waits`, an image of the router, not before they are captured."""
    asks = {**CLIENT, "command": ["sh", "-c", ASKS, "sh", url, str(ticks)]}
    spec = {"containers": [asks], "restartPolicy": "Never", "nodeName": node}
    if waits:
        own = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
        first = {
            "name": "wait",
            "image": waits,
            "command": ["noderouter", "intercept", "wait", "--required"],
            "env": [own],
        }
        spec["initContainers"] = [first]
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    body = {"completions": pods, "parallelism": min(AT_A_TIME, pods), "backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": body}


def asked(cluster: RealCluster, namespace: str, jobs: list[Object]) -> list[list[tuple[float, str]]]:
    """Run jobs to their ends; of each pod when it asked, in seconds since it began, and what became of it."""
    cluster.apply(jobs, namespace)
    names = [each["metadata"]["name"] for each in jobs]
    for name in names:
        waiting = ["wait", f"job/{name}", "-n", namespace, "--for=condition=complete"]
        cluster.wait(waiting, f"job {name}", JOB_SECONDS)
    found = []
    for pod in cluster.pods(namespace, f"app in ({','.join(names)})"):
        lines = cluster.logs(namespace, pod["metadata"]["name"], CLIENT["name"]).splitlines()
        found.append([(int(ticks) / TICKS, became) for ticks, became in map(str.split, lines)])
    return found


def seconds_between(began: str, ended: str) -> float:
    """By the whole seconds that the kubelet tells."""
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def test_pods_are_captured_almost_from_their_first_request_on(
    real_cluster: RealCluster, sides: list[Side], real_namespace: str, state: State
):
    """Two are starting on each node at any time."""
    jobs = [job(f"first-{side.node}", side.node, side.url, 0, PODS // 2) for side in sides]
    pods = asked(real_cluster, real_namespace, jobs)
    assert len(pods) == PODS
    routed = [next(when for when, became in pod if became == "routed") for pod in pods]
    direct = [sum(became == "direct" for _, became in pod) for pod in pods]
    assert max(routed) < WITHIN_SECONDS
    for pod in pods:  # once captured, always captured
        became = [each for _, each in pod]
        assert became == sorted(became), pod
    state(
        f"the very first request of {direct.count(0)} of {PODS} pods was routed, of the others all but the first "
        f"{max(direct)} at most; routed from {median(routed):.2f} s (at most {max(routed):.2f} s) after its start on"
    )


def test_pods_that_wait_for_it_are_captured_from_their_first_request_on(
    real_cluster: RealCluster, sides: list[Side], real_namespace: str, state: State
):
    """By an init container, as docs/interception.md has it."""
    [router, *_] = sides[0].router()["spec"]["containers"]
    jobs = [job(f"waits-{side.node}", side.node, side.url, 0, PODS // 2, router["image"]) for side in sides]
    pods = asked(real_cluster, real_namespace, jobs)
    assert len(pods) == PODS
    assert all(became == "routed" for pod in pods for _, became in pod), pods
    waited = []
    for pod in real_cluster.pods(real_namespace, f"app in ({','.join(each['metadata']['name'] for each in jobs)})"):
        [init] = pod["status"]["initContainerStatuses"]
        assert real_cluster.logs(real_namespace, pod["metadata"]["name"], "wait").strip() == "captured"
        ended = init["state"]["terminated"]
        waited.append(seconds_between(ended["startedAt"], ended["finishedAt"]))
    state(f"all requests of {PODS} pods were routed; each waited for {max(waited):.0f} s at most")


def test_a_job_that_lives_for_half_a_second(
    real_cluster: RealCluster, sides: list[Side], mesh: Release, real_namespace: str, state: State
):
    told = []
    for side in sides:
        pod, *_ = asked(real_cluster, real_namespace, [job(f"short-{side.node}", side.node, side.url, 50)])
        assert pod[-1][1] == "routed"
        told.append(f"{sum(became == 'routed' for _, became in pod)} of {len(pod)} requests were routed")

        def captured(side: Side = side) -> bool:
            shown = json.loads(mesh.admin(side.node, "/intercept.json"))["pods"]
            return any(each["captured"] and each["pod"].startswith(real_namespace) for each in shown)

        until(lambda: not captured(), 30)
    state("; ".join(told))
