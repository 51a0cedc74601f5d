"""One viewer: his queue is bounded, what he loses is counted, and nobody waits for him."""

import json

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from noderouter.core.errors import ConnectError
from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.record import line
from noderouter.telemetry.tap.filter import parse
from noderouter.telemetry.tap.viewer import QUEUE_BYTES, RECORD_BYTES, Viewer, Wish
from tests.testing.ended import STARTED, TRACE, ended


def viewer(wish: Wish | None = None, lines: int = 512) -> Viewer:
    return Viewer(wish or Wish(), lines=lines, clock=lambda: STARTED + 1, wall=lambda: 0.0)


def test_what_is_wanted_is_queued_in_order() -> None:
    looking = viewer(Wish(filter=parse({"path": "/a"})))
    for target in (b"/a1", b"/b", b"/a2"):
        looking.ended(ended(target), "out", TRACE, None)
    assert [record["path"] for record in looking.take(10)] == ["/a1", "/a2"]
    assert looking.take(10) == []
    assert (looking.seen, looking.dropped) == (2, 0)


def test_only_so_many_are_taken_at_a_time() -> None:
    looking = viewer()
    for _ in range(5):
        looking.ended(ended(), "out", TRACE, None)
    assert [len(looking.take(2)) for _ in range(4)] == [2, 2, 1, 0]


def test_how_long_a_failure_took_is_told_by_the_clock() -> None:
    looking = viewer(Wish(filter=parse({"min_ms": "1000", "status": "error"})))
    looking.ended(ended(status=None), "out", TRACE, ConnectError("no"))
    (record,) = looking.take(1)
    assert (record["duration_ms"], record["error"]) == (1000.0, "ConnectError")


def test_a_viewer_who_does_not_read_loses_what_comes_and_it_is_counted() -> None:
    looking = viewer(lines=16)
    for _ in range(100):
        looking.ended(ended(), "out", TRACE, None)
    assert (looking.seen, looking.dropped) == (16, 84)
    looking.take(6)
    for _ in range(10):
        looking.ended(ended(), "out", TRACE, None)
    assert (looking.seen, looking.dropped) == (22, 88)


@pytest.mark.parametrize("heads", [False, True])
def test_what_strangers_send_fills_no_memory(heads: bool) -> None:
    """Ten thousand long and different names: what is kept stays below the bound, and one record."""
    looking = viewer(Wish(heads=heads), lines=10_000)
    for number in range(10_000):
        target = b"/%d" % number + b"x" * 15_000
        looking.ended(ended(target, name=f"/svc/{number}", block=b"a: %b\r\n" % target), "out", TRACE, None)
    kept = looking.take(10_000)
    assert len(kept) == looking.seen < QUEUE_BYTES / (RECORD_BYTES + 15_000) + 1
    assert looking.seen + looking.dropped == 10_000
    assert sum(len(line(record)) for record in kept) < QUEUE_BYTES
    looking.ended(ended(), "out", TRACE, None)
    assert looking.seen == len(kept) + 1  # there is room again


def test_a_method_that_somebody_made_up_counts_as_well() -> None:
    looking = viewer(lines=10_000)
    for _ in range(1000):
        looking.ended(ended(method=b"X" * 15_000), "out", TRACE, None)
    assert looking.seen < QUEUE_BYTES / 15_000 + 1


def test_heads_are_there_on_demand_only() -> None:
    block = b"authorization: s3cret\r\nx-mine: s3cret\r\n"
    for heads in (False, True):
        looking = Viewer(Wish(heads=heads), masked=frozenset((b"authorization", b"x-mine")))
        looking.ended(ended(block=block), "out", TRACE, None)
        (record,) = looking.take(1)
        assert ("request_head" in record) is heads
        assert "s3cret" not in json.dumps(record)


def test_the_sample_is_a_limit_of_trace_ids() -> None:
    assert viewer(Wish(sample=0.25)).limit == sample_limit(0.25)
    assert viewer().limit == 1 << 64


async def test_who_waits_is_woken_by_what_comes_and_by_the_end() -> None:
    looking = viewer()
    woken: list[int] = []

    async def wait() -> None:
        while not looking.closed:
            await looking.wait()
            woken.append(len(looking.take(10)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        assert woken == []
        looking.ended(ended(), "out", TRACE, None)
        looking.ended(ended(), "out", TRACE, None)
        await wait_all_tasks_blocked()
        assert woken == [2]
        looking.close()
    assert woken == [2, 0]
    looking.ended(ended(), "out", TRACE, None)
    assert looking.take(1) == []
