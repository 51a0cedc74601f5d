"""From the tree to text: what parsers and promtool say of it, what leaves, and that others get their turn."""

import shutil
import subprocess
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from noderouter.core.background import Pace
from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.openmetrics.exposition import exposition, written
from noderouter.telemetry.openmetrics.writer import Format, Writer
from noderouter.telemetry.process import watch_process
from noderouter.telemetry.tree import MetricsTree

Values = dict[str, dict[str, float]]


def busy_tree() -> MetricsTree:
    tree = MetricsTree()
    watch_process(tree)
    server = tree.scope("rt", "out", "server", "0.0.0.0/4140")
    server.requests().answered(200, 0.1, True)
    server.tally("received_bytes", lambda: 12)
    server.tally("captured/tls", lambda: 2)
    server.scope("flow").requests().answered(200, 0.1, True)
    service = tree.scope("rt", "out", "service", 'svc/"odd\\')
    service.requests().answered(503, 0.2, False)
    service.requests().failed("ConnectError", 0.3)
    client = tree.scope("rt", "out", "client", "#/io.l5d.fs/web")
    client.scope("service", "svc/a").requests().answered(200, 0.004, True)
    client.counter("failure_accrual/removed_for_ms").add(1500)
    client.histogram("connect_latency_ms").add(0.001)
    tree.scope("rt", "out", "interpreter", "dtab_hash").gauge("ab12", lambda: 1.0)
    tree.scope("kubernetes", "in/cluster", "watch", "services/*").gauge("streaming", lambda: 1.0)
    return tree


async def text_of(tree: MetricsTree, format: Format = Format.OPENMETRICS) -> str:
    return b"".join(await exposition(tree, format)).decode()


async def lines_of(tree: MetricsTree) -> list[str]:
    return (await text_of(tree)).splitlines()


async def test_every_place_has_its_labels() -> None:
    lines = await lines_of(busy_tree())
    pair = 'router="out",service="svc/a",client="#/io.l5d.fs/web"'
    for line in (
        'noderouter_server_requests_total{router="out",server="0.0.0.0/4140",status_class="2xx"} 1',
        'noderouter_server_received_bytes_total{router="out",server="0.0.0.0/4140"} 12',
        'noderouter_captured_connections_total{router="out",server="0.0.0.0/4140",protocol="tls"} 2',
        'noderouter_flow_requests_total{router="out",server="0.0.0.0/4140",status_class="2xx"} 1',
        'noderouter_service_requests_total{router="out",service="svc/\\"odd\\\\",status_class="error"} 1',
        'noderouter_service_errors_total{router="out",service="svc/\\"odd\\\\",error="ConnectError"} 1',
        'noderouter_service_failures_total{router="out",service="svc/\\"odd\\\\"} 2',
        'noderouter_requests_total{router="out",service="svc/a",client="#/io.l5d.fs/web",status_class="2xx"} 1',
        f'noderouter_request_duration_seconds_bucket{{{pair},le="0.00316228"}} 0',
        f'noderouter_request_duration_seconds_bucket{{{pair},le="0.00749894"}} 1',
        'noderouter_ejected_seconds_total{router="out",client="#/io.l5d.fs/web"} 1.5',
        'noderouter_client_connect_duration_seconds_count{router="out",client="#/io.l5d.fs/web"} 1',
        'noderouter_dtab_info{router="out",hash="ab12"} 1.0',
        'noderouter_watch_streaming{api="in/cluster",watch="services/*"} 1.0',
    ):
        assert line in lines, line


async def test_parsers_of_prometheus_client_read_both_formats() -> None:
    tree = busy_tree()
    strict = list(read_openmetrics(await text_of(tree)))
    assert {family.name for family in strict if not family.documentation} == set()
    assert {family.unit for family in strict} == {"", "seconds", "bytes"}
    loose = {family.name for family in read_text(await text_of(tree, Format.TEXT))}
    assert {"noderouter_requests", "noderouter_build_info", "process_cpu_seconds"} <= loose


async def test_promtool_has_nothing_to_say() -> None:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    text = await text_of(busy_tree(), Format.TEXT)
    done = subprocess.run([command, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_a_sampled_request_is_an_exemplar() -> None:
    tree = MetricsTree()
    stats = tree.scope("rt", "out", "service", "svc/a").requests()
    stats.answered(200, 0.2, True)
    stats.exemplify(Exemplar("4bf92f3577b34da6a3ce929d0e0e4736", 0.2, 1.6e9))
    (line,) = [line for line in await lines_of(tree) if "trace_id" in line]
    assert line == (
        'noderouter_service_request_duration_seconds_bucket{router="out",service="svc/a",le="0.237137"} 1'
        ' # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.2 1600000000.000'
    )


def totals(tree: MetricsTree, during: int = -1, pruned: "tuple[str, ...]" = ()) -> tuple[float, float]:
    """The sums over services and over pairs, with what is gone; `pruned` leaves at the step `during`."""
    writer = Writer(Format.OPENMETRICS)
    for step, _ in enumerate(written(tree, writer)):
        if step == during:
            tree.scope(*pruned).prune()
    sums: dict[str, float] = defaultdict(float)
    for family in read_openmetrics(b"".join(writer.portions()).decode()):
        for sample in family.samples:
            if sample.name in ("noderouter_service_requests_total", "noderouter_requests_total"):
                sums[family.name] += sample.value
            elif sample.name == "noderouter_gone_requests_total":
                sums["noderouter_service_requests" if sample.labels["of"] == "service" else "noderouter_requests"] += (
                    sample.value
                )
    return sums["noderouter_service_requests"], sums["noderouter_requests"]


PLACES = [
    *(("rt", "out", "service", f"svc/{name}") for name in "ab"),
    *(("rt", "out", "client", client, "service", f"svc/{name}") for client in "cd" for name in "ab"),
]
LEAVING = [*PLACES, ("rt", "out", "client", "c"), ("rt", "out", "client", "d")]


@given(
    st.lists(st.tuples(st.sampled_from(["request", "leave"]), st.sampled_from(LEAVING)), max_size=30), st.integers(1, 6)
)
def test_what_leaves_takes_nothing_from_any_sum(steps: list[tuple[str, tuple[str, ...]]], limit: int) -> None:
    tree = MetricsTree(limit)
    services = pairs = 0
    for what, place in steps:
        if what == "leave":
            found = tree.child(*place)
            if found is not None:
                found.prune()
        elif place in PLACES:
            tree.scope(*place).requests().answered(200, 0.1, True)
            services += len(place) == 4
            pairs += len(place) == 6
        assert totals(tree) == (services, pairs)


@pytest.mark.parametrize("place", LEAVING)
def test_what_leaves_within_a_scrape_is_neither_missed_nor_counted_twice(place: tuple[str, ...]) -> None:
    for during in range(30):
        tree = MetricsTree()
        for each in PLACES:
            tree.scope(*each).requests().answered(200, 0.1, True)
        assert totals(tree, during, place) == totals(tree) == (2, 4)


async def test_names_beyond_the_limit_are_other() -> None:
    tree = MetricsTree(limit=1)
    for name in "abc":
        tree.scope("rt", "out", "service", f"svc/{name}").requests().answered(200, 0.1, True)
    lines = await lines_of(tree)
    assert 'noderouter_service_requests_total{router="out",service="other",status_class="2xx"} 2' in lines
    assert "noderouter_metrics_overflow_total 2" in lines


async def test_others_get_their_turn_behind_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = MetricsTree()
    for n in range(50):
        tree.scope("rt", "out", "service", f"svc/{n}").requests().answered(200, 0.1, True)
    rests = 0

    async def rest(_pace: Pace) -> None:
        nonlocal rests
        rests += 1

    monkeypatch.setattr(Pace, "due", lambda _pace: True)
    monkeypatch.setattr(Pace, "rest", rest)
    portions = await exposition(tree, Format.TEXT)
    assert rests >= 50 + len(portions)
