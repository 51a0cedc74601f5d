from noderouter.telemetry.telemeter.influxdb import InfluxDb
from noderouter.telemetry.telemeter.kind import Exposition, Form, expositions_of


def test_it_is_beside_the_exposition_for_prometheus():
    telemeter = InfluxDb(kind="io.l5d.influxdb")
    assert telemeter.observer() is None
    here = Exposition("/admin/metrics/influxdb", form=Form.INFLUXDB)
    assert expositions_of((telemeter,)) == (Exposition("/admin/metrics/prometheus"), here)
