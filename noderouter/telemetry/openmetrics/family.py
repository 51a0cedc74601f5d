"""A family of metrics: what all series of one name have in common."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """The type of a family; the value is its name in both formats, but for `INFO`."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Family:
    """One family; `name` is without the suffixes of its samples (`_total`, `_bucket`, `_info`)."""

    name: str
    type: Type
    help: str
    """One sentence, without a full stop."""
    labels: tuple[str, ...] = ()
    unit: str = ""
    """`seconds` or `bytes`; with it the name ends. Empty for what is counted."""

    @property
    def sample(self) -> str:
        """The name of its samples, where they have only one."""
        return self.name + {Type.COUNTER: "_total", Type.INFO: "_info"}.get(self.type, "")
