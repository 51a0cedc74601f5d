"""What proposed policies would have done to the requests of the last minutes, beside what those in effect do.

Each row of `recent.py` is judged by its latest path, so a row of many paths may be told wrongly; of a token no more is
kept than its issuer, so where claims decide, that is said. Made in short steps: it runs in the thread of the data path.
"""

from collections.abc import Iterable
from typing import Any, Final

from noderouter.core.background import Pace
from noderouter.policy.compile import Compiled, CompiledPolicy, rules_for
from noderouter.policy.judge import Refusal, Rules
from noderouter.policy.recent import Row

MOST_SHOWN: Final = 100
"""Rows that are told in full, the busiest first."""


async def what_if(proposed: Compiled, current: Compiled | None, rows: Iterable[tuple[Row, int]]) -> dict[str, Any]:
    """Return how many requests would be refused, and which; ready for JSON."""
    pace = Pace()
    then, now = _Judge(proposed), _Judge(current)
    requests = refused = refused_now = 0
    changed: list[dict[str, Any]] = []
    for row, count in rows:
        if pace.due():
            await pace.rest()
        if not count:
            continue
        requests += count
        new, rules = then.judge(row)
        old, _ = now.judge(row)
        refused += 0 if new is None else count
        refused_now += 0 if old is None else count
        if (new is None) != (old is None):
            changed.append(_shown(row, count, new, old, rules))
    changed.sort(key=lambda each: -each["requests"])
    return {
        "requests": requests,
        "refused": refused,
        "refusedNow": refused_now,
        "changed": changed[:MOST_SHOWN],
        "notShown": max(0, len(changed) - MOST_SHOWN),
    }


class _Judge:
    """Judges rows by some policies; None are no policies at all."""

    def __init__(self, policies: Compiled | None) -> None:
        self._policies = policies
        self._selected: dict[tuple[object, tuple[str, ...]], list[CompiledPolicy]] = {}
        self._rules: dict[Rules, Rules] = {}

    def judge(self, row: Row) -> tuple[Refusal | None, Rules]:
        """Return why a row would be refused, and by which rules that was judged."""
        seen = row.rules
        rules = self._rules.get(seen)
        if rules is None:
            key = (seen.workload, seen.forms)
            selected = self._selected.get(key)
            if selected is None:
                selected = [] if self._policies is None else self._policies.selecting(*key)
                self._selected[key] = selected
            rules = rules_for(selected, seen.source, seen.workload, seen.ip, seen.port, seen.forms)
            self._rules[seen] = rules
        claims = {"iss": row.issuer} if row.issuer else None
        return rules.judge(row.method, row.target, claims, row.flow), rules


def _shown(row: Row, count: int, new: Refusal | None, old: Refusal | None, rules: Rules) -> dict[str, Any]:
    seen = row.rules
    decisive = new or old
    assert decisive is not None
    return {
        "requests": count,
        "source": seen.source.id,
        "destination": seen.ip if seen.workload is None else str(seen.workload),
        "port": seen.port,
        "method": "" if row.flow else row.method.decode("latin-1"),
        "path": row.target.decode("latin-1"),
        "then": "allowed" if new is None else "refused",
        "policy": decisive.policy,
        "why": decisive.words,
        "claims": rules.asks_claims,
    }
