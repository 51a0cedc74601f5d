"""The shapes of metrics.json, exactly."""

import json
from typing import Any

import pytest

from noderouter.telemetry.histogram import COUNT
from noderouter.telemetry.json import NoSuchSubtree, flat, nested, select
from noderouter.telemetry.tree import MetricsTree


def small_tree() -> MetricsTree:
    tree = MetricsTree()
    server = tree.scope("rt", "outgoing", "server", "0.0.0.0/4140")
    server.counter("connects").add(12)
    server.gauge("connections", lambda: 2.5)
    latency = server.histogram("request_latency_ms")
    for seconds in (0.001, 0.002, 0.004):
        latency.add(seconds)
    latency.roll()
    server.histogram("connection_duration")
    idle = server.histogram("idle", COUNT)
    idle.roll()
    tree.scope("rt", "outgoing").counter("failures").add(3)
    tree.scope("rt", "outgoing").counter("failures/Boom").add(3)
    return tree


LATENCY = {
    "count": 3,
    "max": 4.0,
    "min": 1.0,
    "p50": pytest.approx(2.0, rel=0.1),
    "p90": 4.0,
    "p95": 4.0,
    "p99": 4.0,
    "p9990": 4.0,
    "p9999": 4.0,
    "sum": 7.0,
    "avg": 2.333,
}


async def read_flat(tree: MetricsTree, query: str | None = None, pretty: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join(await flat(select(tree, query), pretty=pretty)))
    return found


async def test_flat() -> None:
    server = "rt/outgoing/server/0.0.0.0/4140"
    assert await read_flat(small_tree()) == {
        "telemetry/overflow": 0,
        f"{server}/connects": 12,
        f"{server}/connections": 2.5,
        **{f"{server}/request_latency_ms.{name}": value for name, value in LATENCY.items()},
        f"{server}/idle.count": 0,
        "rt/outgoing/failures": 3,
        "rt/outgoing/failures/Boom": 3,
    }


async def test_counters_are_written_as_whole_numbers() -> None:
    assert b'/connects": 12,' in b"".join(await flat(small_tree().samples()))


async def test_pretty_is_sorted_and_indented_and_says_the_same() -> None:
    text = b"".join(await flat(small_tree().samples(), pretty=True))
    lines = text.decode().splitlines()
    assert (lines[0], lines[-1]) == ("{", "}")
    assert lines[1:-1] == sorted(lines[1:-1])
    assert all(line.startswith('  "') for line in lines[1:-1])
    assert json.loads(text) == await read_flat(small_tree())


@pytest.mark.parametrize("pretty", [False, True])
async def test_chunks_make_one_object(pretty: bool) -> None:
    tree = MetricsTree()
    for n in range(1000):
        tree.counter(f"many/{n:04}").add(n)
    found = await read_flat(tree, "many", pretty)
    assert found == {f"{n:04}": n for n in range(1000)}


@pytest.mark.parametrize("pretty", [False, True])
async def test_nested(pretty: bool) -> None:
    assert json.loads(b"".join(await nested(small_tree().samples(), pretty=pretty))) == {
        "telemetry": {"overflow": {"counter": 0}},
        "rt": {
            "outgoing": {
                "server": {
                    "0.0.0.0/4140": {
                        "connects": {"counter": 12},
                        "connections": {"gauge": 2.5},
                        "request_latency_ms": {f"stat.{name}": value for name, value in LATENCY.items()},
                        "connection_duration": {},
                        "idle": {"stat.count": 0},
                    }
                },
                "failures": {"counter": 3, "Boom": {"counter": 3}},
            }
        },
    }


async def test_a_query_takes_a_subtree_and_its_names_are_relative() -> None:
    assert await read_flat(small_tree(), "rt/outgoing/failures") == {"": 3, "Boom": 3}
    assert set(await read_flat(small_tree(), "rt/outgoing/server")) >= {"0.0.0.0/4140/connects"}
    assert set(await read_flat(small_tree(), "rt/outgoing/server/0.0.0.0/4140")) >= {"connects"}


@pytest.mark.parametrize("query", ["", "nope", "rt/outgoing/server/0.0.0.0", "rt/out", "rt/outgoing/failures/B", "rt/"])
def test_an_unknown_query_is_refused(query: str) -> None:
    with pytest.raises(NoSuchSubtree):
        select(small_tree(), query)


async def test_a_node_without_metrics_is_an_empty_object() -> None:
    tree = MetricsTree()
    tree.scope("rt", "outgoing", "service")
    assert await read_flat(tree, "rt/outgoing/service") == {}
    assert b"".join(await nested(select(tree, "rt/outgoing/service"))) == b"{}"


async def test_what_is_derived_can_be_asked_for_too() -> None:
    tree = MetricsTree()
    pair = tree.scope("rt", "out", "client", "#/fs/web", "service", "svc/a").requests()
    pair.answered(200, 0.01, True)
    pair.failed("Outer/Inner", 0.01)
    for path in ("rt/out/client/#/fs/web", "rt/out/client/#/fs/web/service/svc/a"):
        assert await read_flat(tree, f"{path}/failures") == {"": 1, "Outer": 1, "Outer/Inner": 1}
        assert await read_flat(tree, f"{path}/requests") == {"": 2}
        with pytest.raises(NoSuchSubtree):
            select(tree, f"{path}/nope")


async def test_numbers_that_json_does_not_have_are_left_out() -> None:
    tree = MetricsTree()
    tree.gauge("a/nan", lambda: float("nan"))
    tree.gauge("a/inf", lambda: float("inf"))
    assert await read_flat(tree, "a") == {}


async def test_names_are_escaped() -> None:
    tree = MetricsTree()
    tree.scope("rt", "out", "service", 'svc/"x\\y"\n').counter("n")
    assert await read_flat(tree, "rt") == {'out/service/svc/"x\\y"\n/n': 0}
