"""Counts of streams."""

from noderouter.telemetry.streams import StreamStats


def test_open_streams_are_those_whose_exchange_is_not_over():
    stats = StreamStats()
    stats.begun += 3
    stats.ended += 2
    stats.failures += 1
    assert stats.open == 1
    assert repr(stats) == "<StreamStats open=1 begun=3 failures=1>"
