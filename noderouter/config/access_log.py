"""The keys of a router's access log, which begin with its protocol's name (docs/linkerd1.md section 2.4)."""

from dataclasses import dataclass
from typing import Annotated, Final

from noderouter.proxy.access_log.rotation import RollPolicy
from noderouter.schema.kind import AfterValidator, Field

STANDARD_OUTPUT: Final = "-"


def _roll_policy(value: str) -> str:
    RollPolicy.parse(value)
    return value


LogPath = Annotated[str, Field(min_length=1, max_length=4096)]
LogSample = Annotated[float, Field(ge=0, le=1)]
"""A share of what goes well; what fails is logged in any case."""
LogRollPolicy = Annotated[str, Field(max_length=40), AfterValidator(_roll_policy)]
LogRotateCount = Annotated[int, Field(ge=-1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class AccessLogSettings:
    """The access log of one router, whatever its keys are called; `key` is the one with its path."""

    key: str
    path: str
    json: bool = False
    sample: float = 1.0
    roll_policy: str = "never"
    append: bool = True
    rotate_count: int = -1


def without_effect(key: str, path: str | None, form: str, sample: float, roll_policy: str) -> None:
    """Refuse what would have no effect; `key` is the key with the path, which the others begin with.

    Raises:
        ValueError: in words what to do.
    """
    if form == "text" and sample != 1.0:
        raise ValueError(f"{key}Sample is of the JSON log only: set {key}Format: json as well")
    if path == STANDARD_OUTPUT and roll_policy != "never":
        raise ValueError(f"{key} is standard output, which is never put aside: leave the roll policy out")
