"""What is seldom gets its counter when it is first needed."""

from noderouter.telemetry.metrics import Counter
from noderouter.telemetry.seldom import Seldom


def test_what_is_seldom_is_made_once():
    stats = Seldom()
    assert stats.noted() == {}
    made: dict[str, Counter] = {}
    stats.make = lambda name: made.setdefault(name, Counter())
    for name in ("a", "b", "a"):
        stats.note(name)
    assert stats.noted() == {"a": 2, "b": 1}
    assert {name: counter.value for name, counter in made.items()} == {"a": 2, "b": 1}
