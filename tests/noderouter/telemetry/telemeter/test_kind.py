"""What telemeters add to the admin port."""

from noderouter.telemetry.telemeter.kind import Exposition, TelemeterKind, expositions_of
from noderouter.telemetry.telemeter.prometheus import Prometheus


def test_the_exposition_is_there_unless_it_is_somewhere_else() -> None:
    assert expositions_of(()) == (Exposition("/admin/metrics/prometheus", ""),)
    assert expositions_of((TelemeterKind(kind="other"),)) == (Exposition(),)
    moved = Prometheus(kind="io.l5d.prometheus", path="/metrics")
    assert expositions_of((moved,)) == (Exposition("/metrics", ""),)
