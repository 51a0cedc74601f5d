"""`io.l5d.tracelog`: a line of the log for each request, or for a share of them.

telemetry:
- kind: io.l5d.tracelog
  sampleRate: 0.01
  level: INFO
"""

from typing import Annotated, Any, ClassVar, Literal

from noderouter.core.trace_context import sample_limit
from noderouter.schema.kind import BeforeValidator
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracelog import TraceLog


def _folded(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class TraceLogKind(TelemeterKind):
    """Logs requests whose trace is sampled; at `sampleRate` where no caller has decided that."""

    kind_name: ClassVar[str] = "io.l5d.tracelog"

    sampleRate: Rate = 1.0
    level: Annotated[
        Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL"], BeforeValidator(_folded)
    ] = "INFO"

    def observer(self) -> Observer:
        """Return what writes the lines."""
        return TraceLog(sample_limit(self.sampleRate), self.level)
