"""How many clients the process has descriptors for."""

import resource
import sys
from typing import Final

DESCRIPTORS_ASIDE: Final = 128
"""For all but clients and endpoints: listeners, watches, files, clients of the admin interface. Two thirds of
them all where there are very few."""


def places_for_clients() -> int:
    """Return how many clients there are descriptors for, two each: one needs a connection upstream, too."""
    descriptors = raise_descriptor_limit()
    return max(1, (descriptors - min(DESCRIPTORS_ASIDE, 2 * descriptors // 3)) // 2)


def raise_descriptor_limit() -> int:
    """Raise the limit as far as the system allows; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize
