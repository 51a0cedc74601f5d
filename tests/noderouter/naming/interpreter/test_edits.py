"""What is logged when an edit is in effect."""

from logging import INFO, WARNING

import trio
from trio.testing import wait_all_tasks_blocked

from dtab import Dtab, Path
from noderouter.core.var import Var
from noderouter.naming.interpreter.edits import follow_edits
from noderouter.naming.interpreter.interpreter import Sources
from noderouter.naming.interpreter.stored import StoredDtab, StoredInterpreter
from noderouter.naming.interpreter.whatif import Asked, Moved
from noderouter.naming.utility import UtilityNamer


async def test_an_edit_says_what_it_has_moved(runtime, nursery: trio.Nursery) -> None:
    stored = StoredDtab("x")
    sources = Sources(Var(Dtab.parse("/own => /$/inet/127.0.0.1/1")), [], UtilityNamer(runtime.resolver))
    interpreter = StoredInterpreter(stored, sources, ())
    lines = []
    asked = [Asked(Path.parse(name), rate) for name, rate in (("/svc/a", 3.0), ("/svc/b", 1.0), ("/own/c", 4.0))]

    def log(level: int, event: str, /, **fields: object) -> None:
        lines.append((level, event, fields))

    nursery.start_soon(follow_edits, "out", interpreter, lambda: asked, log)
    await wait_all_tasks_blocked()
    stored.apply(Dtab.parse("/svc => /$/inet/127.0.0.1/2"))  # the first one has moved nothing
    await wait_all_tasks_blocked()
    assert lines == []
    stored.apply(Dtab.parse("/svc => /$/inet/127.0.0.1/2; /svc/a => /$/inet/127.0.0.1/3"))
    await wait_all_tasks_blocked()
    (line,) = lines
    assert line == (
        INFO,
        "dtab.moved",
        {
            "router": "out",
            "hash": stored.hash,
            "names": 3,
            "moved": 1,
            "not_looked_at": 0,
            "share": 0.375,
            "fails_before": 0.0,
            "fails": 0.0,
            "most": ["/svc/a"],
        },
    )
    assert stored.moved == {"out": Moved(3, 1, 0.375, 0.0, 0.0)}
    stored.apply(Dtab.parse("/svc/a => /$/inet/127.0.0.1/3"))
    await wait_all_tasks_blocked()
    level, _, fields = lines[1]
    assert (level, fields["fails"], fields["most"]) == (WARNING, 0.125, ["/svc/b"])
    nursery.cancel_scope.cancel()
