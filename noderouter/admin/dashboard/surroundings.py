"""What is wrong beside services: stored dtabs, readiness, overload, watches, interception, and what is at its limit."""

from collections.abc import Iterator
from typing import Final

from noderouter.admin.dashboard.numbers import duration, plural
from noderouter.admin.dashboard.seen import Seen
from noderouter.admin.dashboard.view import Problem, State
from noderouter.naming.interpreter.whatif import Moved

SILENT_SECONDS: Final = 120.0
"""A watch without a word for so long is stale; the API sends bookmarks more often."""
EDIT_SECONDS: Final = 600.0
"""How long an edit of the dtab stands with what is to be seen."""


def surroundings(seen: Seen) -> Iterator[Problem]:
    """Yield the problems of a router's surroundings."""
    yield from _of_tables(seen)
    yield from _of_health(seen)


def _of_tables(seen: Seen) -> Iterator[Problem]:
    for table in seen.tables:
        if table.error:
            since = f", since {duration(seen.at - table.applied_at)}" if table.applied_at else ""
            force = f"Still in force: {table.hash[:8]}{since}." if table.hash else "Nothing is in force."
            yield Problem(State.BAD, "refused", "dtab edit", f"{table.error}. {force}", "/health", None, 0.0)
        if table.moved is not None and table.moved.moved and seen.at - table.applied_at < EDIT_SECONDS:
            state = State.WARN if table.moved.worse else State.INFO
            said = f"{moved_by(table.moved)}, {duration(seen.at - table.applied_at)} ago."
            yield Problem(state, "moved", "dtab edit", said[0].upper() + said[1:], "/health", None, 0.0)


def moved_by(moved: Moved) -> str:
    """Return what an edit did to requests, in words."""
    said = f"{100 * moved.share:.3g} % of requests go elsewhere, {moved.moved} of {plural(moved.names, 'name')}"
    if not moved.worse:
        return said
    return f"{said}; {100 * moved.fails:.3g} % lead nowhere, {100 * moved.fails_before:.3g} % did before"


def _of_health(seen: Seen) -> Iterator[Problem]:
    if not seen.ready:
        yield Problem(State.BAD, "not ready", "this router", "; ".join(seen.reasons) or "nobody says why", "/health")
    if seen.shedding > 0:
        said = f"{seen.shedding * 100:.0f} % of new requests are answered 503, because memory or time is short."
        yield Problem(State.BAD, "shedding", "this router", said, "/health")
    for watch in seen.watches:
        if watch.age > SILENT_SECONDS or watch.age < 0 < watch.failing_seconds:
            said = f"no word for {watch.age:.0f} s (limit {SILENT_SECONDS:.0f} s)" if watch.age >= 0 else "no word yet"
            yield Problem(State.WARN, "stale", f"watch {watch.name}", said, "/health")
    if seen.capture is not None and not seen.capture.armed:
        said = f"connections of pods do not come here: {seen.capture.why or 'not armed'}"
        yield Problem(State.WARN, "disarmed", "interception", said, "/health")
    for limit in seen.limits:
        if limit.most and limit.used >= limit.most:
            said = f"{limit.used:,.0f} of {limit.most:,.0f}: {limit.then}"
            yield Problem(State.WARN, "limit", limit.name, said, "/health")
