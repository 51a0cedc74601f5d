"""What was asked for in the last 15 minutes, as far as policies could look at it: counts, and an example of each.

    told apart by    source (its account, else its address), destination, port, method, the first two segments of the
                     path, the issuer of a token
    bounded to       10,000 of these; more are only counted (`overflow`)

Noted off the data path, from what `Authorizer.take` returns, twice a second. No query is kept: it may hold secrets.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from noderouter.policy.authorizer import Seen
from noderouter.policy.judge import Rules

MINUTES: Final = 15
MOST_ROWS: Final = 10_000
SEGMENTS: Final = 2

Key = tuple[str, str, int, bytes, bytes, bool, str]


@dataclass(slots=True)
class Row:
    """Requests that are counted together; `target` is the path of the latest."""

    rules: Rules
    method: bytes
    target: bytes
    flow: bool
    issuer: str
    minutes: "array[int]"
    """Requests in each of the last minutes; where the newest is, `Recent` knows."""


class Recent:
    """The rows, and the minute that is being counted."""

    def __init__(self) -> None:
        self.overflow = 0
        """Requests that found no row, ever."""
        self._rows: dict[Key, Row] = {}
        self._minute: int | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, seen: Iterable[Seen], now: float) -> None:
        """Count what was judged; `now` is the monotonic clock in seconds."""
        self._turn(int(now // 60))
        column = int(now // 60) % MINUTES
        for rules, method, target, flow, issuer in seen:
            path = b"" if flow else target.partition(b"?")[0]
            destination = rules.ip if rules.workload is None else str(rules.workload)
            short = b"/".join(path.split(b"/", SEGMENTS + 1)[: SEGMENTS + 1])
            key = (rules.source.id, destination, rules.port, method, short, flow, issuer)
            row = self._rows.get(key)
            if row is None:
                if len(self._rows) >= MOST_ROWS:
                    self.overflow += 1
                    continue
                row = self._rows[key] = Row(rules, method, path, flow, issuer, array("L", bytes(8 * MINUTES)))
            row.rules, row.target = rules, path
            row.minutes[column] += 1

    def rows(self, minutes: int, now: float) -> Iterator[tuple[Row, int]]:
        """Yield what was asked for in the last so many minutes, the one that is going on included, with its count."""
        self._turn(int(now // 60))
        columns = [(int(now // 60) - back) % MINUTES for back in range(min(minutes, MINUTES))]
        for row in list(self._rows.values()):
            count = sum(row.minutes[column] for column in columns)
            if count:
                yield row, count

    def _turn(self, minute: int) -> None:
        """Forget what is older than the window, as minutes go by."""
        before, self._minute = self._minute, minute
        if before is None or minute <= before:
            return
        gone = [each % MINUTES for each in range(max(before + 1, minute - MINUTES + 1), minute + 1)]
        for key, row in list(self._rows.items()):
            for column in gone:
                row.minutes[column] = 0
            if not any(row.minutes):
                del self._rows[key]
