"""Scopes, sums over a client's services, pruning, and bounds."""

import pytest

from noderouter.telemetry.histogram import Histogram
from noderouter.telemetry.sample import Kind, Sample
from noderouter.telemetry.tree import MetricsTree


def numbers(tree: MetricsTree) -> dict[str, float]:
    """Everything that is a number, flat."""
    return {"/".join(path): value for path, _, value in tree.samples() if not isinstance(value, Histogram)}


def turn(tree: MetricsTree, *, ends_windows: bool = False) -> None:
    for _ in tree.turn(ends_windows=ends_windows):
        pass


def test_scopes_and_metrics_are_made_once() -> None:
    tree = MetricsTree()
    scope = tree.scope("rt", "out", "server", "0.0.0.0/4140")
    assert tree.scope("rt", "out", "server").scope("0.0.0.0/4140") is scope
    assert scope.counter("connects") is scope.counter("connects")
    assert scope.histogram("connection_duration") is scope.histogram("connection_duration")
    assert scope.requests() is scope.requests()
    assert repr(scope) == "<Scope rt/out/server/0.0.0.0/4140 children=2>"


def test_a_gauge_asks_whom_it_was_told_last() -> None:
    tree = MetricsTree()
    tree.gauge("a/b", lambda: 1.5)
    tree.gauge("a/b", lambda: 2.5)
    assert numbers(tree)["a/b"] == 2.5


def test_a_tally_is_a_counter_that_is_asked_for() -> None:
    tree = MetricsTree()
    for value in (1, 2):
        tree.tally("a/b", lambda value=value: value)  # type: ignore[misc]
    assert Sample(("a", "b"), Kind.COUNTER, 2) in list(tree.samples())
    with pytest.raises(TypeError, match="a/b is a Tally, not a Gauge"):
        tree.gauge("a/b", lambda: 0.0)


def test_a_name_is_one_sort_of_metric() -> None:
    tree = MetricsTree()
    tree.counter("a/b")
    with pytest.raises(TypeError, match="a/b is a Counter, not a Gauge"):
        tree.gauge("a/b", lambda: 0.0)


def test_a_node_carries_a_metric_and_children() -> None:
    tree = MetricsTree()
    tree.counter("retries").add(2)
    tree.counter("retries/total").add(3)
    assert numbers(tree) == {"telemetry/overflow": 0, "retries": 2, "retries/total": 3}


def test_a_server_reports_everything_that_linkerd_has() -> None:
    tree = MetricsTree()
    stats = tree.scope("rt", "out", "server", "0.0.0.0/4140").requests()
    stats.answered(200, 0.001, True)
    stats.answered(503, 0.001, False)
    stats.failed("Outer/Inner", 0.001)
    stats.failed("Outer", 0.001)
    stats.pending = 3
    paths = {"/".join(path[4:]): value for path, _, value in tree.samples() if path[0] == "rt"}
    assert {name: value for name, value in paths.items() if not isinstance(value, Histogram)} == {
        "requests": 4,
        "success": 1,
        "failures": 3,
        "failures/Outer": 2,
        "failures/Outer/Inner": 1,
        "exn/Outer": 2,
        "exn/Outer/Inner": 1,
        "status/200": 1,
        "status/503": 1,
        "status/1XX": 0,
        "status/2XX": 1,
        "status/3XX": 0,
        "status/4XX": 0,
        "status/5XX": 1,
        "status/error": 2,
        "pending": 3,
    }
    assert sorted(name for name, value in paths.items() if isinstance(value, Histogram)) == [
        "request_latency_ms",
        "time/2XX",
        "time/5XX",
    ]


def test_clients_have_no_exn() -> None:
    tree = MetricsTree()
    tree.scope("rt", "out", "client", "#/fs/web", "service", "svc/web").requests().failed("ConnectError", 0.1)
    assert not [name for name in numbers(tree) if "/exn/" in name]
    assert numbers(tree)["rt/out/client/#/fs/web/service/svc/web/failures/ConnectError"] == 1


def test_status_codes_beyond_the_limit_are_other() -> None:
    tree = MetricsTree()
    stats = tree.scope("rt", "out", "server", "a/1").requests()
    for status in range(100, 300):
        stats.answered(status, 0.001, True)
    assert numbers(tree)["rt/out/server/a/1/status/other"] == 136
    assert ("rt", "out", "server", "a/1", "time", "other") in {path for path, _, _ in tree.samples()}


def client_requests(tree: MetricsTree) -> float:
    return numbers(tree)["rt/out/client/#/fs/web/requests"]


def test_a_client_is_the_sum_of_its_services() -> None:
    tree = MetricsTree()
    client = tree.scope("rt", "out", "client", "#/fs/web")
    client.counter("connects")
    assert client_requests(tree) == 0
    for name in ("svc/a", "svc/b"):
        stats = client.scope("service", name).requests()
        stats.answered(200, 0.01, True)
        stats.pending = 1
    assert client_requests(tree) == 2
    assert numbers(tree)["rt/out/client/#/fs/web/pending"] == 2
    assert numbers(tree)["rt/out/client/#/fs/web/connects"] == 0
    client.requests().answered(200, 0.01, True)
    assert client_requests(tree) == 3


def test_the_sum_keeps_what_a_pruned_service_had() -> None:
    tree = MetricsTree()
    client = tree.scope("rt", "out", "client", "#/fs/web")
    pair = client.scope("service", "svc/a")
    pair.requests().answered(200, 0.01, True)
    pair.requests().pending = 1
    pair.prune()
    assert client_requests(tree) == 1
    assert numbers(tree)["rt/out/client/#/fs/web/pending"] == 0
    assert "rt/out/client/#/fs/web/service/svc/a/requests" not in numbers(tree)
    client.scope("service", "svc/a").requests().answered(200, 0.01, True)
    assert client_requests(tree) == 2


def test_windows_end_for_all_also_for_what_is_kept_of_the_pruned() -> None:
    tree = MetricsTree()
    client = tree.scope("rt", "out", "client", "#/fs/web")
    client.scope("service", "svc/a").requests().answered(200, 0.01, True)
    client.scope("service", "svc/a").prune()
    client.scope("service", "svc/b").requests().answered(200, 0.02, True)
    durations = client.histogram("connection_duration")
    durations.add(1.0)
    turn(tree, ends_windows=True)
    found = {path[4:]: value for path, _, value in tree.samples() if isinstance(value, Histogram)}
    assert found["request_latency_ms",].window.count == 2  # type: ignore[union-attr]
    assert found["connection_duration",].window.count == 1  # type: ignore[union-attr]


def test_pruning_takes_everything_below_and_can_be_repeated() -> None:
    tree = MetricsTree()
    service = tree.scope("rt", "out", "service", "svc/a")
    service.counter("retries/total")
    service.requests()
    service.prune()
    service.prune()
    tree.prune()
    assert [name for name in numbers(tree) if name.startswith("rt/")] == []


def test_a_pruned_scope_does_not_take_its_successor_with_it() -> None:
    tree = MetricsTree()
    old = tree.scope("rt", "out", "service", "svc/a")
    old.prune()
    tree.scope("rt", "out", "service", "svc/a").counter("retries/total").add()
    old.prune()
    assert numbers(tree)["rt/out/service/svc/a/retries/total"] == 1


def test_names_beyond_the_limit_share_other() -> None:
    tree = MetricsTree(limit=2)
    for n in range(5):
        tree.scope("rt", "out", "service", f"svc/{n}").requests().answered(200, 0.01, True)
    assert [n for n in range(5) if f"rt/out/service/svc/{n}/requests" in numbers(tree)] == [0, 1]
    assert numbers(tree)["rt/out/service/other/requests"] == 3
    assert numbers(tree)["telemetry/overflow"] == 3


def test_the_shared_node_stays_when_one_of_its_users_is_evicted() -> None:
    tree = MetricsTree(limit=1)
    tree.scope("rt", "out", "service", "svc/a")
    shared = tree.scope("rt", "out", "service", "svc/b")
    shared.requests().answered(200, 0.01, True)
    shared.prune()
    assert numbers(tree)["rt/out/service/other/requests"] == 1


def test_limits_are_per_router_and_sort_and_pruning_gives_back() -> None:
    tree = MetricsTree(limit=1)
    tree.scope("rt", "in", "service", "svc/a")
    tree.scope("rt", "out", "service", "svc/a")
    client = tree.scope("rt", "out", "client", "c")
    client.scope("service", "svc/a")
    assert numbers(tree)["telemetry/overflow"] == 0
    client.prune()
    assert tree.scope("rt", "out", "client", "d").scope("service", "svc/b").name == "svc/b"
    assert tree.scope("rt", "out", "client", "e").name == "other"


def test_a_place_that_was_given_back_is_used_again() -> None:
    tree = MetricsTree(limit=1)
    first = tree.scope("rt", "out", "service", "svc/a")
    assert tree.scope("rt", "out", "service", "svc/b").name == "other"
    first.prune()
    assert tree.scope("rt", "out", "service", "svc/b").name == "svc/b"


def test_pairs_are_bounded_over_all_clients() -> None:
    tree = MetricsTree(limit=3)
    names = [
        tree.scope("rt", "out", "client", client, "service", service).name
        for client in ("c", "d")
        for service in ("svc/a", "svc/b")
    ]
    assert names == ["svc/a", "svc/b", "svc/a", "other"]


def test_histories_begin_with_the_first_request() -> None:
    tree = MetricsTree()
    stats = tree.scope("rt", "out", "service", "svc/a").requests()
    turn(tree)
    assert stats.history is None
    stats.answered(200, 0.01, True)
    turn(tree)
    turn(tree)
    assert stats.history is not None
    assert stats.history.lines().requests[-2:] == [1, 0]


def test_ended_windows_do_not_touch_histories() -> None:
    tree = MetricsTree()
    stats = tree.scope("rt", "out", "server", "a/1").requests()
    for n in range(14):
        stats.answered(200, 0.01, True)
        turn(tree, ends_windows=n % 6 == 5)
    assert stats.history is not None
    assert stats.history.lines().requests[-14:] == [1] * 14
    assert stats.history.last().p50 == 10.0
    window = stats.classes[2].window
    assert window is not None
    assert window.count == 6


def test_a_clients_history_is_that_of_its_services_present_and_past() -> None:
    tree = MetricsTree()
    client = tree.scope("rt", "out", "client", "#/fs/web")
    pairs = [client.scope("service", name) for name in ("svc/a", "svc/b")]
    for pair in pairs:
        pair.requests().answered(200, 0.01, True)
    turn(tree)
    pairs[0].requests().answered(503, 0.01, False)
    pairs[0].prune()  # with one request that no slot has told yet
    pairs[1].requests().answered(200, 0.01, True)
    turn(tree)
    turn(tree)
    history = client.requests().history
    assert history is not None
    assert history.lines().requests[-3:] == [2, 2, 0]
    assert history.lines().failures[-3:] == [0, 1, 0]
    assert [pair.requests().history for pair in pairs] == [None, None]
    assert client_requests(tree) == 4


def test_a_service_that_leaves_a_client_half_way_is_told_once() -> None:
    tree = MetricsTree()
    client = tree.scope("rt", "out", "client", "#/fs/web")
    pairs = [client.scope("service", name) for name in ("svc/a", "svc/b")]
    for pair in pairs:
        pair.requests().answered(200, 0.01, True)
    for n, _ in enumerate(client.turn(ends_windows=False)):
        if n == 0:
            pairs[1].prune()
    turn(tree)
    history = client.requests().history
    assert history is not None
    assert history.lines().requests[-2:] == [1, 1]


def test_a_history_leaves_with_its_scope() -> None:
    tree = MetricsTree()
    scope = tree.scope("rt", "out", "service", "svc/a")
    scope.requests().answered(200, 0.01, True)
    turn(tree)
    scope.prune()
    assert tree.scope("rt", "out", "service", "svc/a").requests().history is None


def test_single_numbers_are_read_without_making_any():
    tree = MetricsTree()
    scope = tree.scope("rt", "out", "service", "svc/a")
    scope.counter("retries/total").add(3)
    scope.gauge("retries/budget", lambda: 1.5)
    scope.tally("closes", lambda: 7)
    scope.histogram("sizes")
    before = len(list(tree.samples()))
    assert [scope.number("retries", name) for name in ("total", "budget", "nothing")] == [3, 1.5, None]
    assert [scope.number(name) for name in ("closes", "sizes", "retries")] == [7, None, None]
    assert len(list(tree.samples())) == before
