"""What is kept of requests: little, and of few of them."""

from types import SimpleNamespace

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.telemetry.recent import CUT, SHOWN, RecentRequests, recent_gauges
from noderouter.telemetry.tree import MetricsTree
from tests.testing.reply import RecordingReply, make_exchange, recorded

TRACE = Trace(1, 2, 3)


def done(name: str = "hello") -> Exchange:
    """An exchange that an endpoint has answered."""
    exchange = make_exchange()
    assert isinstance(exchange.reply, RecordingReply)
    recorded(exchange).comes(("10.0.0.9", 5), ("fd00::1", 4140))
    exchange.name, exchange.client_id = Path.of("svc", name), Path.of("#", "io.l5d.fs", name)
    exchange.endpoint = SimpleNamespace(address=Address("10.0.0.7", 80))
    return exchange


def test_what_is_kept() -> None:
    recent = RecentRequests(0, 10)
    recent.ended(done(), "out", TRACE, None)
    (kept,) = recent
    assert kept[1:] == (
        "10.0.0.9:5",
        "[fd00::1]:4140",
        "out",
        "/svc/hello",
        "/#/io.l5d.fs/hello",
        "10.0.0.7:80",
    )


def test_what_has_no_destination_or_no_end_is_not() -> None:
    recent = RecentRequests(0, 10)
    recent.ended(make_exchange(), "out", TRACE, None)
    recent.ended(done(), "out", TRACE, OSError())
    assert list(recent) == []


def test_ten_thousand_names_do_not_make_it_grow() -> None:
    tree = MetricsTree()
    recent = RecentRequests(0, 7)
    recent_gauges(tree.scope("recent"), recent)
    for number in range(10_000):
        recent.ended(done(f"{number}<" + "x" * 2000), "out", TRACE, None)
    assert len(recent) == 7
    assert next(iter(recent)).logical.startswith(Path.of("svc", "9999").show().replace("/9999", r"/\x39\x39\x39\x39"))
    for each in recent:
        assert len(each.logical) == len(each.concrete) == SHOWN + 1
        assert each.logical.endswith(CUT)
        assert sum(map(len, map(str, each))) < 1000
    figures = {"/".join(sample.path): sample.value for sample in tree.samples()}
    assert (figures["recent/kept"], figures["recent/seen"]) == (7, 10_000)
