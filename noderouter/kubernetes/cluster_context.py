"""What all watches of one cluster share."""

from collections.abc import Callable
from dataclasses import dataclass

from noderouter.core.background import Log, StartSoon
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.capabilities import Reach
from noderouter.kubernetes.timing import Timing


@dataclass(frozen=True, slots=True)
class Site:
    """The API, how patient to be with it, where tasks run, and what the API offers us."""

    api: Api
    timing: Timing
    start_soon: StartSoon
    log: Log
    reach: Callable[[], Reach | None] = lambda: None
    """None until it is known; asking is what begins finding it out."""
