"""Which requests stand for the others of their bucket."""

from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.histogram import LATENCY
from noderouter.telemetry.metrics import RequestStats


def test_the_last_one_of_a_bucket_stands_for_it() -> None:
    stats = RequestStats()
    first, second, slow = Exemplar("01", 0.090, 1.0), Exemplar("02", 0.095, 2.0), Exemplar("03", 1000.0, 3.0)
    for exemplar in (first, second, slow):
        stats.exemplify(exemplar)
    edge = [LATENCY.bounds[place] for place in LATENCY.edges].index(LATENCY.bounds[40])
    assert stats.exemplars == {edge: second, len(LATENCY.edges): slow}
