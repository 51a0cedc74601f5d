"""Says what an edit of a stored dtab has moved, when it is in effect: one line in the log.

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
            _tell(label, stored.hash or "", await compare(interpreter.bind_with, now, then, asked()), log)
        before = after


def _tell(label: str, hash: str, compared: Comparison, log: Log) -> None:
    changes = compared.changes
    fails_more = compared.fails_then > compared.fails_now + 1e-9
    log(
        WARNING if fails_more else INFO,
        "dtab.moved",
        router=label,
        hash=hash,
        names=len(compared.looked_at),
        moved=len(changes),
        not_looked_at=compared.not_looked_at,
        share=round(compared.moves, 4),
        fails_before=round(compared.fails_now, 4),
        fails=round(compared.fails_then, 4),
        most=[each.asked.name.show() for each in changes[:SHOWN]],
    )
