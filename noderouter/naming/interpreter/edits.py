"""Says what an edit of a stored dtab has moved, when it is in effect: one line in the log, and for the dashboard.

Edits that follow each other while one is looked at are told together.
"""

from collections.abc import Callable, Iterable
from logging import INFO, WARNING
from typing import Final

from noderouter.core.background import Log, until
from noderouter.naming.interpreter.stored import StoredInterpreter
from noderouter.naming.interpreter.whatif import Asked, Comparison, compare

SHOWN: Final = 5
"""Names that a line has, those with most requests first."""


async def follow_edits(
    label: str, interpreter: StoredInterpreter, asked: Callable[[], Iterable[Asked]], log: Log
) -> None:
    """Log what each edit has moved of what the router `label` is `asked` for, until cancelled."""
    stored = interpreter.stored
    before = stored.dtab
    while True:
        seen = before
        await until(stored.var, lambda _value, seen=seen: stored.dtab not in (None, seen))  # type: ignore[misc]
        after = stored.dtab
        if before is not None and after is not None:
            now, then = interpreter.with_draft(before), interpreter.with_draft(after)
            compared = await compare(interpreter.bind_with, now, then, asked())
            stored.moved[label] = compared.moved
            _tell(label, stored.hash or "", compared, log)
        before = after


def _tell(label: str, hash: str, compared: Comparison, log: Log) -> None:
    moved = compared.moved
    log(
        WARNING if moved.worse else INFO,
        "dtab.moved",
        router=label,
        hash=hash,
        names=moved.names,
        moved=moved.moved,
        not_looked_at=compared.not_looked_at,
        share=round(moved.share, 4),
        fails_before=round(moved.fails_before, 4),
        fails=round(moved.fails, 4),
        most=[each.asked.name.show() for each in compared.changes[:SHOWN]],
    )
