"""`/health`: watches, dtab, interception, limits; whether requests are welcome."""

from collections.abc import Iterator
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.numbers import duration, plural
from noderouter.admin.dashboard.query import MOST_ROWS, Query
from noderouter.admin.dashboard.seen import Seen
from noderouter.admin.dashboard.surroundings import SILENT_SECONDS, moved_by
from noderouter.admin.dashboard.verdict import headline, ranked
from noderouter.admin.dashboard.view import (
    Column,
    Fact,
    Facts,
    Kind,
    Link,
    Part,
    Problem,
    Row,
    State,
    Table,
    View,
    Words,
)
from noderouter.admin.dashboard.views.nodes import facts, nodes_table
from noderouter.admin.dashboard.whose import look_for
from noderouter.admin.mesh.nodes import Mesh
from noderouter.admin.state import AdminState

WATCHES: Final = (
    Column("name", "watch", Kind.NAME, short=""),
    Column("word", "state", Kind.STATE),
    Column("age", "last event s", Kind.COUNT, short="age s"),
    Column("events", "events", Kind.COUNT, wide=2),
    Column("restarts", "restarts", Kind.COUNT, wide=2),
)
LIMITS: Final = (
    Column("name", "limit", Kind.TEXT, short=""),
    Column("used", "used", Kind.COUNT),
    Column("most", "of", Kind.COUNT),
    Column("then", "when it is reached", Kind.WHY),
)
LEFT_OUT: Final = (Column("pod", "pod", Kind.NAME, short=""), Column("why", "why", Kind.WHY, short=""))
NEAR: Final = 0.8
"""The share of a limit from which on it is to be looked at."""


async def view(state: AdminState, query: Query) -> View:
    """Return the health of the router."""
    look = await look_for(state, query)
    seen = look.seen
    mine = ranked(each for each in look.problems if each.path == "/health")
    if look.mesh is not None:
        return _of_all(look, look.mesh, mine)
    ready = "Ready" if seen.ready else "Not ready"
    known = headline(mine)
    return View(
        "health",
        f"{ready}. {known}" if seen.ready else ready,
        terse="health",
        aside=f"ready: {'yes' if seen.ready else 'no'}",
        problems=mine,
        parts=tuple(_parts(seen, state)),
        links=(
            Link("each watch in full", "/admin/metrics.json?q=kubernetes"),
            *([Link("every pod, and why not", "/intercept.json")] if seen.capture is not None else []),
            Link("for probes", "/readyz?verbose"),
        ),
    )


def _of_all(look: Look, mesh: Mesh, mine: tuple[Problem, ...]) -> View:
    """Return the health of all nodes."""
    return View(
        "health",
        headline(mine),
        about=mesh.about,
        terse="health",
        aside=mesh.about,
        problems=mine,
        parts=(
            Facts("health", "Now", (*facts(mesh), *dtab_facts(look.seen))),
            nodes_table(mesh, MOST_ROWS),
        ),
        links=(Link("the overview", "/"), Link("the services", "/services")),
    )


def _parts(seen: Seen, state: AdminState) -> Iterator[Part]:
    facts = [
        *(Fact(_head(each), _tail(each), State.OK, "") for each in seen.reasons),
        *dtab_facts(seen),
        interception_fact(seen),
        watches_fact(seen),
        process_fact(seen),
        _limits_fact(seen),
    ]
    yield Facts("health", "Now", tuple(each for each in facts if each is not None))
    for table in seen.tables:
        if table.error:
            yield Words(
                "refused",
                "Refused edit",
                f"{table.error}\nNothing changed: {table.hash or 'no dtab'} stays in force.",
                f"{table.place}, router {table.router}",
            )
    if seen.watches:
        rows = tuple(
            Row(
                each.name,
                {
                    "name": each.name,
                    "word": "live" if each.streaming else "not streaming",
                    "age": each.age if each.age >= 0 else None,
                    "events": each.events,
                    "restarts": each.restarts,
                },
                State.WARN if each.age > SILENT_SECONDS or each.failing_seconds > 0 else State.OK,
            )
            for each in sorted(seen.watches, key=lambda each: (-each.failing_seconds, -each.age))[:50]
        )
        yield Table(
            "watches", "Watches", WATCHES, rows, f"{len(seen.watches)}; the quietest first", total=len(seen.watches)
        )
    if seen.capture is not None:
        rows = tuple(Row(pod, {"pod": pod, "why": why}) for pod, why in seen.capture.left_out[:50])
        note = f"{len(seen.capture.left_out)} of {seen.capture.pods}"
        yield Table(
            "leftOut",
            "Pods not captured",
            LEFT_OUT,
            rows,
            note,
            "every pod is captured",
            total=len(seen.capture.left_out),
        )
    yield Table(
        "limits",
        "Limits",
        LIMITS,
        tuple(
            Row(
                each.name,
                {"name": each.name, "used": each.used, "most": each.most, "then": each.then},
                State.WARN if each.most and each.used >= NEAR * each.most else State.OK,
            )
            for each in seen.limits
        ),
        "what is bounded, and how near",
    )


def _head(reason: str) -> str:
    return reason.partition(": ")[0]


def _tail(reason: str) -> str:
    return reason.partition(": ")[2] or "yes"


def dtab_facts(seen: Seen) -> Iterator[Fact]:
    """Yield the stored dtab of each router."""
    for table in seen.tables:
        name = "dtab" if len(seen.tables) == 1 else f"dtab {table.router}"
        if table.hash is None:
            yield Fact(name, f"none yet, from {table.place}", State.WARN, "none")
            continue
        since = f", since {duration(seen.at - table.applied_at)}" if table.applied_at else ""
        said = f"{table.hash}{since}, {plural(table.entries, 'dentry', 'dentries')}"
        if table.moved is not None:
            said += f"; by its last edit {moved_by(table.moved)}"
        if table.error:
            yield Fact(name, f"{said}; a newer edit is refused", State.BAD, "refused")
        else:
            yield Fact(name, said, State.OK, "in force")


def interception_fact(seen: Seen) -> Fact | None:
    """Return whether pods' connections come here; None where that is not configured."""
    capture = seen.capture
    if capture is None:
        return None
    taken = capture.pods - len(capture.left_out)
    said = f"{capture.backend or 'no backend'}; {taken} of {capture.pods} pods captured"
    if capture.probe_ms is not None:
        said += f", probe {capture.probe_ms:.1f} ms"
    if not capture.armed:
        return Fact("interception", f"{capture.why or 'not armed'}; {said}", State.WARN, "off")
    return Fact("interception", said, State.OK, "on")


def watches_fact(seen: Seen) -> Fact | None:
    """Return how the watches of Kubernetes are; None where there are none."""
    if not seen.watches:
        return None
    live = sum(each.streaming for each in seen.watches)
    stale = [each for each in seen.watches if each.age > SILENT_SECONDS or each.failing_seconds > 0]
    said = f"{live} of {len(seen.watches)} live"
    if stale:
        worst = max(stale, key=lambda each: max(each.age, each.failing_seconds))
        said += f"; {worst.name} silent for {duration(max(worst.age, worst.failing_seconds))}"
    return Fact("watches", said, State.WARN if stale else State.OK, "stale" if stale else "live")


def process_fact(seen: Seen) -> Fact | None:
    """Return what the process takes."""
    return Fact("process", seen.process, State.OK, "ok") if seen.process else None


def _limits_fact(seen: Seen) -> Fact:
    near = [each.name for each in seen.limits if each.most and each.used >= NEAR * each.most]
    if near:
        return Fact("limits", f"near: {', '.join(near)}", State.WARN, "near")
    return Fact("limits", "none is near", State.OK, "ok")
