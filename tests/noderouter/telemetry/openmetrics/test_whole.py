"""`/metrics` of a router that runs: nothing that is counted is forgotten, and its families are those of the page."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from noderouter.proxy.http2 import frames
from noderouter.telemetry.openmetrics.catalogue import ROOTS, Node
from noderouter.telemetry.tree import MetricsTree, Scope
from tests.testing.backend import backend
from tests.testing.http2 import http2_client
from tests.testing.router import config, fs, routing

LEFT_OUT = {
    *("load", "pool_cached", "loadbalancer/load"),  # Linkerd's second names for others
    *("available", "loadbalancer/closed", "loadbalancer/updates"),  # follow from those that are shown
    *("connection_duration", "connection_requests", "retries/requeues_per_request"),  # histograms nobody alerts by
    "failed_connect_latency_ms",
    *("process/cpu_seconds", "process/resident_bytes", "process/open_fds", "process/max_fds"),  # `standard` has them
    "reactor/control_lag_ms",  # reading it resets it
}
"""What has no row in `rows.py`, and why; the whole of `jvm/` besides."""


def paths(scope: Scope, node: Node | None, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The metrics at and below a scope that have no family."""
    if scope.metric is not None and (node is None or node.family is None):
        yield "/".join(path)
    for name, below in scope.children:
        if name != "service" or path:
            yield from paths(below, None if node is None else node.child(name), (*path, name))


def forgotten(tree: MetricsTree) -> Iterator[str]:
    for name, scope in tree.children:
        if name != "rt":
            yield from paths(scope, ROOTS["process"].child(name), (name,))
            continue
        for _, router in scope.children:
            for part, below in router.children:
                if part not in ("server", "service", "client"):
                    yield from paths(below, ROOTS["router"].child(part), (part,))
                    continue
                for _, one in below.children:
                    yield from paths(one, ROOTS[part])


def test_what_is_seldom_on_streams_is_shown() -> None:
    """It stands at a client only once there was any."""
    names = {*frames.RESETS_RECEIVED, *frames.RESETS_SENT, *frames.FLOODS, frames.GOAWAYS_RECEIVED, frames.GOAWAYS_SENT}
    for place, found in (("server", names), ("client", names | {frames.GIVEN_BACK})):
        for name in found:
            node: Node | None = ROOTS[place]
            for element in name.split("/"):
                node = None if node is None else node.child(element)
            assert node is not None, name
            assert node.family is not None, name


async def test_every_metric_is_shown_or_left_out_on_purpose(tmp_path: Path) -> None:
    (tmp_path / "dtab").write_text("/svc => /#/io.l5d.fs")
    parts = {
        "interpreter": {"kind": "io.l5d.fs", "dtabFile": str(tmp_path / "dtab")},
        "httpAccessLog": str(tmp_path / "log"),
        "servers": [{"port": 0, "http2": {}}, {"port": 0, "capture": {}}],
    }
    async with backend("one") as one:
        (tmp_path / "hello").write_text(one.address)
        collector = {"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": 9}
        async with routing(config(namers=[fs(tmp_path)], **parts) | {"telemetry": [collector]}) as router:
            for host in ("hello", "nobody"):
                await router.ask(host)
            peer = await http2_client(router.port)
            await peer.fetch()
            await peer.close()
            found = {path for path in forgotten(router.app.metrics) if not path.startswith("jvm/")}
            assert found - LEFT_OUT == set(), "add them to rows.py, or here"
            accept = [("accept", "application/openmetrics-text")]
            text = (await router.admin("/metrics", fields=accept)).text
            page = (Path(__file__).parents[4] / "docs" / "openmetrics.md").read_text()
            for family in text_string_to_metric_families(text):
                if family.name.startswith("noderouter_"):
                    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
                    assert f"| `{family.name}{suffix}` | {family.type} |" in page
                    assert f"| {family.documentation} |" in page
