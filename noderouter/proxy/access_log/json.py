"""The access log as JSON, one object for each request and each flow (docs/logs.md): an observer that writes lines."""

from collections.abc import Callable
from time import monotonic, time

from noderouter.telemetry.access_records import AccessRecords
from noderouter.telemetry.record import Record, line


class JsonLog(AccessRecords):
    """Writes a line for each record."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        rate: float = 1.0,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        """`write` takes a line with its end, and must not block; `rate` is of what went well."""
        super().__init__(rate, clock, wall)
        self._write = write

    def take(self, record: Record) -> None:
        """Write it."""
        self._write(line(record).encode("ascii") + b"\n")
