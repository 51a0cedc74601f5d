"""`io.l5d.influxdb`: all metrics in InfluxDB's line protocol, at `/admin/metrics/influxdb`."""

from typing import ClassVar, Final

from noderouter.telemetry.telemeter.kind import Exposition, Form, TelemeterKind

PATH: Final = "/admin/metrics/influxdb"


class InfluxDb(TelemeterKind):
    """Metrics for a Telegraf that fetches them."""

    kind_name: ClassVar[str] = "io.l5d.influxdb"

    def expositions(self) -> tuple[Exposition, ...]:
        """Return its one place."""
        return (Exposition(PATH, form=Form.INFLUXDB),)
