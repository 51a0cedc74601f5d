"""`io.l5d.recentRequests`: a share of the last requests, on the page `/requests` of the admin interface.

telemetry:
- kind: io.l5d.recentRequests
  sampleRate: 0.25
  capacity: 10
"""

from typing import Annotated, ClassVar

from noderouter.core.trace_context import sample_limit
from noderouter.schema.kind import Field
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.recent import RecentRequests
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind


class RecentRequestsKind(TelemeterKind):
    """Keeps the last `capacity` requests that are sampled at `sampleRate`."""

    kind_name: ClassVar[str] = "io.l5d.recentRequests"

    sampleRate: Rate
    capacity: Annotated[int, Field(ge=1, le=1000)] = 10

    def observer(self) -> Observer:
        """Return what keeps them."""
        return RecentRequests(sample_limit(self.sampleRate), self.capacity)
