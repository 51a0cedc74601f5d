"""Many summaries as one: what adds up, what is out for whom, and the bounds.

Covers `nodes.py`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.verdict import service_state
from noderouter.admin.dashboard.view import State
from noderouter.admin.mesh import merge as module
from noderouter.admin.mesh.checked import Summary, checked
from noderouter.admin.mesh.merge import Merge
from noderouter.admin.mesh.nodes import named, silent
from tests.noderouter.admin.conftest import MakeState
from tests.testing.dashboard import AT, healthy, node
from tests.testing.summaries import edge, encoded, endpoint, of, service, stats, together, told


async def merged(*summaries: Summary) -> Look:
    merge = Merge()
    for each in summaries:
        merge.add(each)
    return await merge.look()


async def test_counts_add_up(make_state: MakeState) -> None:
    states = [make_state(node=f"worker-{number}") for number in range(3)]
    look = await merged(*(checked(encoded(told(each))) for each in states))
    seen, one = look.seen, node()
    for mine in one.services:
        found = seen.service(mine.name)
        assert found is not None
        assert (found.figures.requests, found.figures.failures) == (
            3 * mine.figures.requests,
            3 * mine.figures.failures,
        )
        assert found.figures.rate == pytest.approx(3 * mine.figures.rate, rel=0.01)
        assert [each.client for each in found.branches] == [each.client for each in mine.branches]
        assert [each.share for each in found.branches] == pytest.approx([each.share for each in mine.branches])
    assert seen.routers[0].connections == 3 * one.routers[0].connections
    assert {each.source: round(each.rate, 1) for each in seen.calls} == {
        each.source: round(3 * each.rate, 1) for each in one.calls
    }
    assert seen.endpoints == one.endpoints
    assert look.mesh is not None
    assert look.mesh.about == "3 nodes"


async def test_what_is_wrong_everywhere_is_said_once(make_state: MakeState) -> None:
    look = await merged(*(checked(encoded(told(make_state(node=f"worker-{n}")))) for n in range(5)))
    said = {(each.word, each.what): each.text for each in look.problems}
    assert "answers 503 to 61 % of its requests" in said["failing", "/svc/cart.shop"]
    assert said["refused", "5 nodes"].startswith("worker-0, worker-1, worker-2 and 2 more, dtab edit: line 7")
    assert ("ejected", "10.8.2.41:8080") in said
    assert sum(each.word == "refused" for each in look.problems) == 1


requests = some.tuples(some.sampled_from(["/svc/a", "/svc/b"]), some.integers(0, 1000), some.integers(0, 9))


@given(
    some.lists(some.lists(requests, max_size=2, unique_by=lambda each: each[0]), min_size=1, max_size=6), some.randoms()
)
async def test_the_order_does_not_matter(nodes, random):
    summaries = [
        of(
            f"n{number}",
            usual={"outgoing": {name: float(count) for name, count, _ in rows}},
            **together(
                *(service(name, count + failed, failed) for name, count, failed in rows),
                *(endpoint("10.0.0.1:80", count) for _, count, _ in rows),
                *(edge("web", name, count, 0) for name, count, _ in rows),
            ),
        )
        for number, rows in enumerate(nodes)
    ]
    one = (await merged(*summaries)).seen
    random.shuffle(summaries)
    other = (await merged(*summaries)).seen
    key = lambda each: (each.name, each.figures, each.usual, each.pending, each.retries, each.errors)  # noqa: E731
    assert sorted(map(key, one.services)) == sorted(map(key, other.services))
    assert {each.service: (each.requests, each.rate) for each in one.calls} == {
        each.service: (each.requests, each.rate) for each in other.calls
    }
    ends = [
        [(end.figures, end.mean_ms, end.pending) for each in seen.clients for end in each.endpoints]
        for seen in (one, other)
    ]
    assert ends[0] == ends[1]


async def test_a_router_is_taken_once_however_often_it_is_asked() -> None:
    merge = Merge()
    assert merge.add(of("a", **service("/svc/a")), "10.0.0.1:9991")
    assert not merge.add(of("a", **service("/svc/a")), "[fd00::1]:9991")
    look = await merge.look()
    assert look.seen.services[0].figures.requests == 100
    assert look.mesh is not None
    assert len(look.mesh.nodes) == 1


@pytest.mark.parametrize(("outs", "out"), [(0, ""), (1, ""), (2, "ejected"), (4, "ejected")])
async def test_an_endpoint_is_out_where_most_say_so(outs: int, out: str) -> None:
    rows = [endpoint("10.0.0.1:80", out="ejected" if number < outs else "") for number in range(4)]
    look = await merged(*(of(f"n{n}", **together(service("/svc/a"), row)) for n, row in enumerate(rows)))
    (found,) = look.seen.clients[0].endpoints
    assert found.out == out
    assert found.mean_ms == 8.0
    minor = [each.text for each in look.problems if each.word == "ejected" and "of 4 nodes" in each.text]
    assert minor == (["a: ejected for 1 of 4 nodes (n0)."] if outs == 1 else [])


async def test_slow_is_slower_than_the_slowest_was() -> None:
    slow = {"services": {"outgoing": {"/svc/a": stats(100, 0, ((60, 100),))}}}
    nodes = [of(f"n{n}", usual={"outgoing": {"/svc/a": usual}}, **slow) for n, usual in enumerate((5.0, 40.0))]
    seen = (await merged(*nodes)).seen
    assert seen.services[0].usual == 40.0
    assert service_state(seen.services[0], seen) == (State.WARN, "slow")


async def test_what_differs_between_nodes_is_said() -> None:
    dtab = ["outgoing", "ConfigMap mesh/dtab", "1212121212121212", 6, 1.0, False]
    look = await merged(of("a"), of("b"), of("c", dtabs=[dtab], version="1.2.4"))
    said = {each.what: (each.state, each.text) for each in look.problems}
    assert said == {
        "dtab outgoing": (State.WARN, "in force: 95f223c55ff99452 on 2 nodes; 1212121212121212 on c"),
        "version": (State.INFO, "1.2.3 on 2 nodes; 1.2.4 on c"),
    }
    assert [(each.hash, each.router) for each in look.seen.tables] == [
        ("95f223c55ff99452", "outgoing"), ("1212121212121212", "outgoing"),
    ]  # fmt: skip


async def test_who_does_not_answer_is_named_and_in_no_sum(make_state: MakeState) -> None:
    merge = Merge()
    merge.add(checked(encoded(told(make_state(node="worker-0"), healthy()))))
    merge.missing(silent("worker-1", "10.0.0.1:9991", "late", "no answer within 2 s"))
    look = await merge.look("Service mesh/noderouter-metrics: forbidden")
    assert look.mesh is not None
    assert look.mesh.about == "1 of 2 nodes"
    assert {(each.state, each.word, each.what) for each in look.problems} == {
        (State.BAD, "unknown", "the nodes"), (State.WARN, "late", "worker-1"),
    }  # fmt: skip
    assert look.seen.at >= AT


async def test_a_thousand_liars_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVICES", 10)
    monkeypatch.setattr(module, "ENDPOINTS", 10)
    monkeypatch.setattr(module, "EDGES", 10)
    monkeypatch.setattr(module, "ROUTERS", 10)
    monkeypatch.setattr(module, "TABLES", 10)
    made = [
        of(
            f"n{n}",
            routers={f"r{n}": stats(1)},
            dtabs=[["outgoing", "here", f"{n:016x}", 1, 1.0, False]],
            **together(
                service(f"/svc/{n}", 1, 0, **{f"c{n % 5}": 1}),
                endpoint(f"10.0.0.{n}:80", client=f"/#/c{n % 5}"),
                edge(f"s{n}", "/svc/a"),
            ),
        )
        for n in range(30)
    ]
    look = await merged(*made)
    seen = look.seen
    assert [len(seen.services), seen.endpoints, len(seen.calls), len(seen.routers), len(seen.tables)] == [10] * 5
    assert look.mesh is not None
    assert (look.mesh.services_left_out, look.mesh.endpoints_left_out, look.mesh.edges_left_out) == (20, 20, 20)
    assert look.mesh.incomplete.endswith("20 services, 20 endpoints, 20 edges")


def test_names_are_few() -> None:
    assert named(["a", "b", "c"]) == "a, b, c"
    assert named(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
