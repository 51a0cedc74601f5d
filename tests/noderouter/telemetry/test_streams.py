"""Counts of streams: what is seldom gets its counter when it is first needed."""

from noderouter.telemetry.metrics import Counter
from noderouter.telemetry.streams import StreamStats


def test_open_streams_are_those_whose_exchange_is_not_over():
    stats = StreamStats()
    stats.begun += 3
    stats.ended += 2
    stats.failures += 1
    assert stats.open == 1
    assert repr(stats) == "<StreamStats open=1 begun=3 failures=1>"


def test_what_is_seldom_is_made_once():
    stats = StreamStats()
    assert stats.noted() == {}
    made: dict[str, Counter] = {}
    stats.make = lambda name: made.setdefault(name, Counter())
    for name in ("a", "b", "a"):
        stats.note(name)
    assert stats.noted() == {"a": 2, "b": 1}
    assert {name: counter.value for name, counter in made.items()} == {"a": 2, "b": 1}
