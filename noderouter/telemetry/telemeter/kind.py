"""The role `telemeter`: carries metrics or the log out of the process, or shows requests to somebody."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final

from noderouter.core.propagation.sampler import Sampler
from noderouter.schema.kind import BeforeValidator, Kind
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.tracing.event_recorder import EventRecorder

DEFAULT_PATH: Final = "/admin/metrics/prometheus"
OPENMETRICS_PATH: Final = "/metrics"
"""Where the same is fetched under names of its own, and by the rules of OpenMetrics."""


class Form(Enum):
    """How metrics are written, and for whom."""

    PROMETHEUS = "Prometheus"
    INFLUXDB = "InfluxDB"


@dataclass(frozen=True, slots=True)
class Exposition:
    """A place on the admin port where metrics may be fetched, and what is put before the names (for Prometheus)."""

    path: str = DEFAULT_PATH
    prefix: str = ""
    form: Form = Form.PROMETHEUS


def _rate(value: Any) -> Any:
    if isinstance(value, int | float) and not 0 <= value <= 1:
        raise ValueError("sampleRate must be between 0.0 and 1.0")
    return value


Rate = Annotated[float, BeforeValidator(_rate)]
"""A share of requests."""


class TelemeterKind(Kind):
    """Configuration of one telemeter."""

    def expositions(self) -> tuple[Exposition, ...]:
        """Return what the telemeter adds to the admin port."""
        return ()

    def sampler(self) -> Sampler | None:
        """Return which requests the telemeter wants spans of; None where it records none."""
        return None

    def observer(self) -> Observer | None:
        """Return a new observer of requests, or None."""
        return None

    def listener(self) -> EventRecorder | None:
        """Return a new listener to what the router logs, or None."""
        return None


def sampler_of(telemeters: Iterable[TelemeterKind]) -> Sampler | None:
    """Return what all `telemeters` want together, since a trace is sampled or is not; None where none records spans."""
    found = [sampler for sampler in (each.sampler() for each in telemeters) if sampler is not None]
    if not found:
        return None
    return Sampler(max(each.rate for each in found), any(each.failures for each in found))


def expositions_of(telemeters: tuple[TelemeterKind, ...]) -> tuple[Exposition, ...]:
    """Return all that `telemeters` add to the admin port; that for Prometheus is always there."""
    found = tuple(place for telemeter in telemeters for place in telemeter.expositions())
    return found if any(place.form is Form.PROMETHEUS for place in found) else (Exposition(), *found)
