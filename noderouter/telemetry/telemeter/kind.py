"""The role `telemeter`: carries metrics out of the process."""

from dataclasses import dataclass
from typing import Final

from noderouter.config.kind import Kind

DEFAULT_PATH: Final = "/admin/metrics/prometheus"


@dataclass(frozen=True, slots=True)
class Exposition:
    """A place on the admin port where Prometheus may scrape, and what is put before the names."""

    path: str = DEFAULT_PATH
    prefix: str = ""


class TelemeterKind(Kind):
    """Configuration of one telemeter."""

    def expositions(self) -> tuple[Exposition, ...]:
        """What the telemeter adds to the admin port."""
        return ()


def expositions_of(telemeters: tuple[TelemeterKind, ...]) -> tuple[Exposition, ...]:
    """All that `telemeters` add to the admin port; the usual one is there even where none is configured."""
    found = tuple(place for telemeter in telemeters for place in telemeter.expositions())
    return found or (Exposition(),)
