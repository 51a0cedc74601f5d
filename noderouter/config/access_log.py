"""The keys of a router's access log, which begin with its protocol's name (docs/linkerd1.md section 2.4)."""

from dataclasses import dataclass
from typing import Annotated, Final

from noderouter.proxy.access_log.rotation import RollPolicy
from noderouter.schema.kind import AfterValidator, Field, Model

STANDARD_OUTPUT: Final = "-"
KEYS: Final = ("", "Format", "Sample", "RollPolicy", "Append", "RotateCount")
"""What stands behind the name of the key with the path."""


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


def read_access_log(router: Model, key: str) -> AccessLogSettings | None:
    """Return what the keys of a router's access log say, None without one; `key` is the one with the path.

    Raises:
        ValueError: a key would have no effect, in words what to do.
    """
    path, form, sample, roll_policy, append, rotate_count = [getattr(router, key + each) for each in KEYS]
    if form == "text" and sample != 1.0:
        raise ValueError(f"{key}Sample is of the JSON log only: set {key}Format: json as well")
    if path == STANDARD_OUTPUT and roll_policy != "never":
        raise ValueError(f"{key} is standard output, which is never put aside: leave the roll policy out")
    if path is None:
        return None
    return AccessLogSettings(key, path, form == "json", sample, roll_policy, append, rotate_count)
