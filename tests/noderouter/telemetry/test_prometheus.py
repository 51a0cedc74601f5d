"""The exposition: the lines of docs/linkerd1.md section 6.4, and what Prometheus' own parser reads from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from noderouter.telemetry.prometheus import _escaped, exposition, series
from noderouter.telemetry.tree import MetricsTree


async def lines(tree: MetricsTree, prefix: str = "") -> list[str]:
    """What the tree says; without what every process tells."""
    text = b"".join(await exposition(tree.samples(), prefix)).decode()
    foreign = ("# HELP", "process_", "python_", "# TYPE process_", "# TYPE python_")
    return [line for line in text.splitlines() if not line.startswith(foreign)]


async def test_the_examples_of_linkerd() -> None:
    tree = MetricsTree()
    tree.scope("rt", "incoming", "service", "svc/foo").counter("requests").add()
    tree.scope("rt", "incoming", "client", "#/io.l5d.fs/foo").counter("failures/bar/qux").add()
    tree.scope("rt", "incoming", "server", "127.0.0.1/4141").counter("requests").add()
    found = await lines(tree)
    assert 'rt:service:requests{rt="incoming", service="svc/foo"} 1' in found
    assert 'rt:client:failures{rt="incoming", client="#/io.l5d.fs/foo", exception="bar:qux"} 1' in found
    assert 'rt:server:requests{rt="incoming", server="127.0.0.1/4141"} 1' in found


@pytest.mark.parametrize(
    ("path", "name", "labels"),
    [
        ("telemetry overflow", "telemetry:overflow", {}),
        ("rt out bindcache path misses", "rt:bindcache:path:misses", {"rt": "out"}),
        ("rt out", "rt:out", {}),
        ("rt out service", "rt:service", {"rt": "out"}),
        ("rt out client c/1 loadbalancer size", "rt:client:loadbalancer:size", {"rt": "out", "client": "c/1"}),
        (
            "rt out client c/1 service svc/a status 2XX",
            "rt:client:service:status:2XX",
            {"rt": "out", "client": "c/1", "service": "svc/a"},
        ),
        ("rt out client c/1 service", "rt:client:service", {"rt": "out", "client": "c/1"}),
        ("rt out service svc/a failures", "rt:service:failures", {"rt": "out", "service": "svc/a"}),
        (
            "rt out server 0.0.0.0/4140 exn A B",
            "rt:server:exceptions",
            {"rt": "out", "server": "0.0.0.0/4140", "exception": "A:B"},
        ),
        ("rt out server 0.0.0.0/4140 exn", "rt:server:exn", {"rt": "out", "server": "0.0.0.0/4140"}),
        ("rt out failures A", "rt:failures:A", {"rt": "out"}),
        ("rt out interpreter dtab_hash ab12", "rt:interpreter:dtab_hash", {"rt": "out", "hash": "ab12"}),
        ("rt out interpreter dtab_applied", "rt:interpreter:dtab_applied", {"rt": "out"}),
        ("namer #/io.l5d.fs open-files", "namer:__io_l5d_fs:open_files", {}),
    ],
)
def test_names_and_labels(path: str, name: str, labels: dict[str, str]) -> None:
    found = series(tuple(path.split(" ")))
    assert found == (name, labels)
    assert list(found[1]) == list(labels)


async def test_a_histogram_is_totals_and_quantiles_of_the_last_window() -> None:
    tree = MetricsTree()
    histogram = tree.scope("rt", "out", "server", "s/1").histogram("request_latency_ms")
    label = 'rt="out", server="s/1"'
    name = "rt:server:request_latency_ms"
    assert [line for line in await lines(tree) if name in line] == []
    histogram.add(0.5)
    assert [line for line in await lines(tree) if name in line] == [
        f"# TYPE {name} summary",
        f"{name}_count{{{label}}} 1",
        f"{name}_sum{{{label}}} 500.0",
    ]
    histogram.roll()
    histogram.add(0.25)
    assert [line for line in await lines(tree) if name in line] == [
        f"# TYPE {name} summary",
        f"{name}_count{{{label}}} 2",
        f"{name}_sum{{{label}}} 750.0",
        *(f'{name}{{{label}, quantile="{q}"}} 500.0' for q in ("0", 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, "1")),
        f"# TYPE {name}_avg gauge",
        f"{name}_avg{{{label}}} 500.0",
    ]


async def test_a_prefix_is_part_of_the_key() -> None:
    tree = MetricsTree()
    assert await lines(tree, "my-mesh.") == [
        "# TYPE my_mesh_telemetry:overflow counter",
        "my_mesh_telemetry:overflow 0",
    ]


async def test_the_official_parser_reads_back_what_was_counted() -> None:
    tree = MetricsTree()
    service = 'svc/"quoted"\\back\nslash é'
    stats = tree.scope("rt", "out", "service", service).requests()
    stats.answered(200, 0.01, True)
    stats.failed("ConnectError", 0.01)
    stats.roll()
    tree.gauge("a/nan", lambda: float("nan"))
    tree.gauge("a/inf", lambda: float("-inf"))
    text = b"".join(await exposition(tree.samples())).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # This parser speaks OpenMetrics: it calls every counter `_total`.
            name = sample.name if sample.name.startswith("python_") else sample.name.removesuffix("_total")
            found[name, tuple(sample.labels.items())] = sample.value
    labels = (("rt", "out"), ("service", service))
    assert found["rt:service:requests", labels] == 2
    assert found["rt:service:failures", labels] == 1
    assert found["rt:service:failures", (*labels, ("exception", "ConnectError"))] == 1
    assert found["rt:service:exceptions", (*labels, ("exception", "ConnectError"))] == 1
    assert found["rt:service:request_latency_ms_count", labels] == 2
    assert found["rt:service:request_latency_ms", (*labels, ("quantile", "0.99"))] == 10.0
    assert found["a:inf", ()] == float("-inf")
    assert found["process_resident_memory_bytes", ()] > 1e6
    assert "python_gc_collections_total" in {key[0] for key in found}


async def test_every_family_stands_in_one_piece_under_its_type() -> None:
    tree = MetricsTree()
    for label in ("in", "out"):
        tree.scope("rt", label, "service", "svc/a").requests().answered(200, 0.1, True)
    text = b"".join(await exposition(tree.samples())).decode()
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert "python_gc_collections_total" in types
    requests = [n for n, line in enumerate(text.splitlines()) if line.startswith("rt:service:requests{")]
    assert requests[1] == requests[0] + 1


@given(st.text())
def test_escaping_loses_nothing(text: str) -> None:
    line = f'a{{b="{_escaped(text)}"}} 1\n'
    # The parser reads lines; carriage returns and the like are no line ends for Prometheus.
    if len(line.splitlines()) == 1:
        (family,) = text_string_to_metric_families(line)
        assert family.samples[0].labels == {"b": text}
