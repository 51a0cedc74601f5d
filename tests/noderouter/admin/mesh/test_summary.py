"""What a router says of itself, within its bounds."""

import json
from dataclasses import replace

from noderouter.admin.mesh.bounds import EDGES, ENDPOINTS, SERVICES, SUMMARY_BYTES
from noderouter.admin.mesh.checked import checked
from noderouter.admin.mesh.sums import figures_of
from noderouter.admin.routes import SUMMARY, routes_for_probes, routes_of
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.admin.conftest import MakeState, Serving
from tests.testing.dashboard import Shown, call_many, client, endpoint, node, service
from tests.testing.summaries import told


async def test_on_the_metrics_port_only_where_others_are_asked_there(make_state: MakeState) -> None:
    assert SUMMARY in routes_of(make_state())
    assert SUMMARY not in routes_for_probes(make_state())
    assert SUMMARY in routes_for_probes(make_state(mesh=object()))


def test_latencies_are_those_of_the_histories(make_state: MakeState) -> None:
    metrics = MetricsTree()
    stats = metrics.scope("rt", "outgoing", "service", "svc/cart.shop").requests()
    for milliseconds in range(1, 101):
        stats.answered(200 if milliseconds > 3 else 500, milliseconds / 1000, milliseconds > 3)
    for _ in metrics.turn(ends_windows=False):
        pass
    found = checked(json.dumps(told(make_state(metrics=metrics))).encode())
    figures = figures_of(found.services["outgoing"]["/svc/cart.shop"])
    assert (figures.requests, figures.failures, figures.rate) == (100, 3, 10.0)
    assert figures.p50 is not None
    assert 45 < figures.p50 < 55


async def test_the_worst_come_first_and_the_rest_is_counted(make_state: MakeState) -> None:
    seen = node(200)
    seen = replace(seen, calls=call_many(300))
    found = told(make_state(), seen)
    rows = {name: found[name]["outgoing"] for name in ("services", "endpoints", "edges")}
    assert list(map(len, rows.values())) == [SERVICES, ENDPOINTS, EDGES]
    assert found["leftOut"] == [204 - SERVICES, seen.endpoints - ENDPOINTS, 300 - EDGES]
    assert next(iter(rows["services"])) == "/svc/cart.shop"
    assert [key for key, each in found["details"]["outgoing"].items() if each[0]] == [
        "/#/io.l5d.k8s/shop/http/inventory\n10.8.2.41:8080"
    ]


async def test_its_bytes_are_bounded_whatever_the_names(make_state: MakeState, serving: Serving) -> None:
    wide = "\U0001f980" * 5000
    names = [f"/#/{number}{wide}" for number in range(60)]
    seen = replace(
        node(),
        clients=tuple(client(name, [endpoint(f"{n}{wide}", name, pod=wide) for n in range(5)]) for name in names),
        services=tuple(service(f"/{number}{wide}", [name]) for number, name in enumerate(names)),
        calls=call_many(300, wide),
    )
    async with serving(make_state(looker=Shown(seen), node=wide)) as asked:
        data = (await asked.get(SUMMARY)).content
    assert len(data) <= SUMMARY_BYTES
    summary = checked(data)
    services = summary.services["outgoing"]
    assert 0 < len(services) < SERVICES
    assert summary.left_out[0] == 60 - len(services)
