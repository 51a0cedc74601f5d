"""The viewers of a process: so many, and what they cost when they are gone."""

import pytest

from noderouter.telemetry.json import flat, select
from noderouter.telemetry.observe import Observers
from noderouter.telemetry.tap.tap import VIEWERS, Tap, TooManyViewers, tap_gauges
from noderouter.telemetry.tap.viewer import Wish
from noderouter.telemetry.tree import MetricsTree
from tests.testing.ended import TRACE, ended
from tests.testing.reply import make_exchange


def test_viewers_come_and_go() -> None:
    observers = Observers()
    tap, seam = Tap(observers), observers.of("out")
    with tap.looking(Wish()) as one:
        assert (seam.observers, len(tap)) == ((one,), 1)
        exchange = make_exchange()
        seam.watch(exchange).over(exchange, None)
        assert exchange.journey == []
        assert len(one.take(10)) == 1
    assert (seam.observers, len(tap), one.closed) == ((), 0, True)
    tap.close(one)
    assert (tap.opened, tap.seen, tap.dropped) == (1, 1, 0)


def test_the_seventeenth_viewer_is_refused_until_one_leaves() -> None:
    tap = Tap(Observers())
    viewers = [tap.open(Wish()) for _ in range(VIEWERS)]
    with pytest.raises(TooManyViewers):
        tap.open(Wish())
    assert (tap.refused, len(tap)) == (1, 16)
    tap.close(viewers[3])
    tap.open(Wish())
    tap.end()
    assert len(tap) == 0
    assert all(each.closed for each in viewers)


async def test_what_is_counted_stays_counted() -> None:
    tree = MetricsTree()
    tap = Tap(Observers(), viewers=2, lines=16)
    tap_gauges(tree.scope("telemetry", "tap"), tap)
    for _ in range(2):
        with tap.looking(Wish()) as viewer:
            for _ in range(20):
                viewer.ended(ended(), "out", TRACE, None)
    with tap.looking(Wish()):
        text = b"".join(await flat(select(tree, "telemetry/tap"))).decode()
    for name, value in {"viewers": 1, "opened": 3, "refused": 0, "lines": 32, "dropped": 8}.items():
        assert f'"{name}": {value}' in text.replace('":', '": ').replace("  ", " ")


def test_fields_are_masked_that_the_configuration_names() -> None:
    tap = Tap(Observers(), masked=["X-Api-Key"])
    with tap.looking(Wish(heads=True)) as viewer:
        viewer.ended(ended(block=b"x-api-key: s3cret\r\ncookie: s3cret\r\n"), "out", TRACE, None)
        (record,) = viewer.take(1)
    assert [value for _, value in record["request_head"]["fields"]] == ["***", "***"]
