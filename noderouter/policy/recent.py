"""What was asked for in the last 15 minutes, as far as policies could look at it: counts, and an example of each.

    told apart by    source (its account, else its address), destination, port, method, the first two segments of the
                     path, the issuer of a token
    bounded to       10,000 of these; more are only counted (`overflow`)

Noted off the data path, from what `Authorizer.take` returns, twice a second. No query is kept: it may hold secrets.
"""

from array import array
from collections.abc import Iterator
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
    """Requests in each of the last minutes, by the minute modulo their number."""
    at: int
    """The newest of these minutes."""

    def advance(self, minute: int) -> None:
        """Forget what is older than the window, up to a minute."""
        for gone in range(max(self.at + 1, minute - MINUTES + 1), minute + 1):
            self.minutes[gone % MINUTES] = 0
        self.at = max(self.at, minute)


class Recent:
    """The rows."""

    def __init__(self) -> None:
        self.overflow = 0
        """Requests that found no row, ever."""
        self._rows: dict[Key, Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, seen: Seen, now: float) -> None:
        """Count a request that was judged; `now` is the monotonic clock in seconds."""
        rules, method, target, flow, issuer = seen
        minute = int(now // 60)
        path = b"" if flow else target.partition(b"?")[0]
        destination = rules.ip if rules.workload is None else str(rules.workload)
        short = b"/".join(path.split(b"/", SEGMENTS + 1)[: SEGMENTS + 1])
        key = (rules.source.id, destination, rules.port, method, short, flow, issuer)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= MOST_ROWS:
                self.overflow += 1
                return
            row = self._rows[key] = Row(rules, method, path, flow, issuer, array("L", bytes(8 * MINUTES)), minute)
        row.advance(minute)
        row.rules, row.target = rules, path
        row.minutes[minute % MINUTES] += 1

    def rows(self, minutes: int, now: float) -> Iterator[tuple[Row, int]]:
        """Yield what was asked for in the last so many minutes, the one that is going on included, with its count."""
        minute = int(now // 60)
        columns = [(minute - back) % MINUTES for back in range(min(minutes, MINUTES))]
        for row in list(self._rows.values()):
            row.advance(minute)
            yield row, sum(row.minutes[column] for column in columns)

    def expire(self, now: float) -> Iterator[None]:
        """Drop the rows that nobody has asked for within the window; a step for each."""
        minute = int(now // 60)
        for key, row in list(self._rows.items()):
            if minute - row.at >= MINUTES:
                del self._rows[key]
            yield
