"""When a log file is put aside for a new one: `httpAccessLogRollPolicy` (docs/linkerd1.md section 2.4).

`never`, `hourly`, `daily`, `weekly(n)` (n is the day the week begins with, 1 is Sunday) or a size such as
`3.megabytes`. Pure: a policy answers the name of the period that a time belongs to; a file is full of a period when
the period has another name. Times are local, as in the lines.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from time import localtime, strftime
from typing import Final

_WEEKLY: Final = re.compile(r"weekly\(([1-7])\)", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,12})\.(byte|kilobyte|megabyte|gigabyte|terabyte)s?", re.ASCII)
_BYTES: Final = {"byte": 1, "kilobyte": 1 << 10, "megabyte": 1 << 20, "gigabyte": 1 << 30, "terabyte": 1 << 40}
_SECOND: Final = "%Y%m%d-%H%M%S"


@dataclass(frozen=True, slots=True)
class RollPolicy:
    """`period`: a strftime pattern, or empty; `week_start`: 0 (Monday) to 6; `max_bytes`: or 0."""

    period: str = ""
    week_start: int | None = None
    max_bytes: int = 0

    @classmethod
    def parse(cls, text: str) -> "RollPolicy":
        """Read a policy.

        Raises:
            ValueError: it is none.
        """
        if text == "never":
            return cls()
        if text == "hourly":
            return cls(period="%Y%m%d-%H")
        if text == "daily":
            return cls(period="%Y%m%d")
        if found := _WEEKLY.fullmatch(text):
            return cls(period="%Y%m%d", week_start=(int(found[1]) - 2) % 7)
        if (found := _SIZE.fullmatch(text)) and int(found[1]):
            return cls(max_bytes=int(found[1]) * _BYTES[found[2]])
        raise ValueError(
            f"{text!r} is no roll policy: use never, hourly, daily, weekly(1) to weekly(7), or a size like 3.megabytes"
        )

    def name(self, when: float) -> str:
        """What a file that is put aside is called after: the period that it has lines of, or the time it was full."""
        if self.week_start is not None:
            day = date.fromtimestamp(when)
            return (day - timedelta(days=(day.weekday() - self.week_start) % 7)).strftime(self.period)
        return strftime(self.period or _SECOND, localtime(when))

    def due(self, written: float, size: int, adding: int, now: float) -> bool:
        """Whether a file with `size` bytes, last written at `written`, is to be put aside before `adding` more."""
        if not size:
            return False
        if self.max_bytes:
            return size + adding > self.max_bytes
        return bool(self.period) and self.name(written) != self.name(now)
