"""A limit of CPU that is far too small: the router says so, stays ready, and lets nobody starve."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.real.cluster import RealCluster
from tests.cluster.workload import CLIENT, pod
from tests.e2e_cluster.traffic import PROGRAM, Traffic, kinds
from tests.real.interception.groups import group_of
from tests.real.interception.site import Side, statuses
from tests.testing.figures import State

pytestmark = pytest.mark.root

LIMIT = "100m"
GREEDY = 64
POLITE_RATE = 5.0
"""Requests a second, which the limit would allow some hundreds of."""
SECONDS = 12.0
PROMPT_SECONDS = 10.0

GREEDILY = """
import http.client, sys, threading
def ask():
    while True:
        connection = http.client.HTTPConnection(sys.argv[1], timeout=60)
        try:
            while True:
                connection.request("GET", "/")
                connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
for _ in range(int(sys.argv[2])):
    threading.Thread(target=ask).start()
"""


@pytest.fixture(scope="module")
def throttled(mesh: Release) -> Iterator[Release]:
    """The chart with a limit of CPU."""
    at_once = "updateStrategy.rollingUpdate.maxUnavailable=2"
    mesh.upgrade("--set", f"resources.limits.cpu={LIMIT},{at_once}")
    yield mesh
    mesh.upgrade("--set", "resources.limits.cpu=null")


@contextmanager
def politely(side: Side) -> Iterator[Traffic]:
    """A few requests a second from the client."""
    argv = ("python3", "-c", PROGRAM, "GET", side.url, f"{POLITE_RATE:g}")
    process = side.cluster.popen(side.namespace, "client", *argv)
    traffic = Traffic(process)
    try:
        traffic.more(10)
        yield traffic
    finally:
        traffic.end()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def test_a_tenth_of_a_core(
    real_cluster: RealCluster, throttled: Release, sides: list[Side], real_namespace: str, state: State
):
    side = sides[0]
    until(side.routed, 60)
    node = real_cluster.real[side.node]
    before = next(each for each in statuses(side.router()) if each["name"] == "noderouter")
    group, _ = group_of(node, before["containerID"].partition("://")[2])
    host = side.url.removeprefix("http://").rstrip("/")
    greedy = {**CLIENT, "command": ["python3", "-c", GREEDILY, host, str(GREEDY)]}
    lags, ready = [], []
    with politely(side) as traffic:
        alone = len(traffic.requests)
        real_cluster.apply(pod("greedy", greedy, nodeName=side.node), real_namespace)
        real_cluster.wait_ready("pod", real_namespace, "greedy")
        began = time.monotonic()
        while time.monotonic() < began + SECONDS:
            metrics = json.loads(throttled.admin(side.node, "/admin/metrics.json"))
            lags.append(metrics["overload/lag_ms"])
            shown = next(each for each in statuses(side.router()) if each["name"] == "noderouter")
            ready.append((shown["ready"], shown["restartCount"]))
        assert side.armed()
        beside = traffic.after(began)
    assert set(ready) == {(True, before["restartCount"])}
    assert group.throttled() > 0.3
    assert max(lags) > 10  # undisturbed it is below one
    assert len(beside) > SECONDS * POLITE_RATE / 4
    assert all(request.status in (200, 503) for request in beside), kinds(beside)
    took = sorted(request.seconds for request in beside if request.good)
    assert len(took) >= len(beside) * 0.75, kinds(beside)
    assert took[-1] < PROMPT_SECONDS
    quiet = median(request.seconds for request in traffic.requests[:alone])
    shed = throttled.metric(side.node, "overload/shed_requests")
    state(
        f"throttled in {group.throttled():.0%} of the periods, lag up to {max(lags):.0f} ms, {shed:.0f} requests shed; "
        f"beside {GREEDY} greedy connections {len(took)} of {len(beside)} polite requests were served, median "
        f"{median(took) * 1e3:.0f} ms (alone {quiet * 1e3:.0f} ms), worst {took[-1] * 1e3:.0f} ms; ready all the time"
    )
