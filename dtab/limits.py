"""What a binding may cost. A dtab, or a part of it, may come with a request, from anybody.

A *step* is a dentry applied, a tree visited, or a share of work whose size a stranger chooses: `LABELS_PER_STEP` labels
copied, `NODES_PER_STEP` places of the index looked at, `BYTES_PER_STEP` bytes handed to namers.
"""

from dataclasses import dataclass
from typing import Final

MAX_STEPS: Final = 10_000
"""Per binding without an override: less than 0.1 s of work."""
MAX_LABELS: Final = 1_000
"""In any path on the way."""
MAX_LEAVES: Final = 10_000
"""Names that namers knew, in one binding."""

OVERRIDE_STEPS: Final = 500
OVERRIDE_LABELS: Final = 64
OVERRIDE_LEAVES: Final = 32
OVERRIDE_LOOKUP_STEPS: Final = 4
"""A namer that is asked may open a watch."""

LABELS_PER_STEP: Final = 8
NODES_PER_STEP: Final = 16
BYTES_PER_STEP: Final = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one binding; beyond each there is a failure with its own text.

    Attributes:
        steps: see above.
        labels: in any path on the way.
        leaves: names found by namers.
        lookup_steps: what asking the namers costs, besides the bytes they are given.
    """

    steps: int = MAX_STEPS
    labels: int = MAX_LABELS
    leaves: int = MAX_LEAVES
    lookup_steps: int = 0


BASE: Final = Limits()
"""For dtabs of the configuration."""
OVERRIDE: Final = Limits(OVERRIDE_STEPS, OVERRIDE_LABELS, OVERRIDE_LEAVES, OVERRIDE_LOOKUP_STEPS)
"""Where a dtab of the request is in play: less than 2 ms of work."""
