"""Edges as they are shown: whose pods sources are, and what is whose."""

from dtab import Path
from noderouter.admin.edges import edges
from noderouter.telemetry.edges import Edge
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.admin.conftest import FakeRouter, MakeState


def edge(source: str, name: str, requests: int, failures: int = 0) -> Edge:
    made = Edge(source, Path.parse(name))
    made.requests, made.failures = requests, failures
    made.turn()
    return made


async def test_pods_of_one_workload_are_one_source(make_state: MakeState) -> None:
    calls = [edge("10.0.0.1", "/svc/a", 30, 3), edge("10.0.0.2", "/svc/a", 10), edge("10.9.9.9", "/svc/a", 1)]
    pods = {"10.0.0.1": ("shop", "web"), "10.0.0.2": ("shop", "web"), "10.0.0.3": ("shop", "idle")}
    state = make_state(routers={"out": FakeRouter(edges=calls)}, workloads=lambda: pods)
    web, stranger = await edges(state)
    assert (web.source, web.namespace, web.workload, web.addresses) == (
        "shop/web",
        "shop",
        "web",
        ["10.0.0.1", "10.0.0.2"],
    )
    assert (web.requests, web.failures, web.rate, web.success) == (40, 3, 4.0, 1 - 3 / 40)
    assert (stranger.source, stranger.namespace, stranger.workload, stranger.rate) == ("10.9.9.9", None, None, 0.1)


async def test_latency_is_the_services(make_state: MakeState) -> None:
    metrics = MetricsTree()
    metrics.scope("rt", "out", "service", "svc/a").requests().answered(200, 0.25, True)
    for _ in metrics.turn(ends_windows=False):
        pass
    calls = [edge("10.0.0.1", "/svc/a", 1), edge("10.0.0.1", "/svc/b", 0)]
    a, b = await edges(make_state(metrics=metrics, routers={"out": FakeRouter(edges=calls)}))
    assert (a.service, a.latency.p99) == ("/svc/a", 250.0)
    assert (b.service, b.latency.p99, b.success) == ("/svc/b", None, None)


async def test_routers_are_told_apart(make_state: MakeState) -> None:
    routers = {label: FakeRouter(edges=[edge("10.0.0.1", "/svc/a", n)]) for n, label in enumerate(("in", "out"))}
    assert [(link.router, link.requests) for link in await edges(make_state(routers=routers))] == [
        ("out", 1),
        ("in", 0),
    ]
