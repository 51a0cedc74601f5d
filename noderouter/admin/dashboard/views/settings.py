"""`/logging`, `/config` and `/help`: log levels, the configuration in effect, and which question is answered where."""

import json
from typing import Final

from noderouter.admin.dashboard.query import Query
from noderouter.admin.dashboard.view import (
    Column,
    Fact,
    Facts,
    Field,
    Form,
    Kind,
    Link,
    Part,
    Row,
    State,
    Table,
    View,
    Words,
)
from noderouter.admin.handler.help import GROUPS, QUESTIONS
from noderouter.admin.security import Group, is_open
from noderouter.admin.state import AdminState
from noderouter.telemetry.log import LEVELS

LOGGERS: Final = (Column("logger", "logger", Kind.NAME, short=""), Column("level", "level", Kind.TEXT, short=""))
ANSWERS: Final = (Column("path", "address", Kind.NAME, short=""), Column("question", "answers", Kind.WHY, short=""))


async def logging(state: AdminState, _query: Query) -> View:
    """Return every logger with its level; where control is open, a form to change one."""
    levels = state.levels
    names = tuple(levels.known())
    rows = tuple(Row(name, {"logger": name, "level": levels.of(name)}) for name in names)
    parts: list[Part] = []
    if is_open(state.security, "/logging.json", Group.CONTROL):
        fields = (
            Field("logger", "logger", names[0], names),
            Field("level", "level", levels.of(names[0]), tuple(LEVELS)),
        )
        parts.append(Form("level", fields, "Set", path="/logging.json", post=True))
    else:
        said = "admin.security.controlEnabled is off: levels cannot be changed here"
        parts.append(Facts("closed", "", (Fact("levels", said, State.OFF, "switched off"),)))
    parts.append(Table("loggers", "Loggers", LOGGERS, rows, "one without a level of its own has that of the one above"))
    link = Link("", "curl -X POST '{}/logging.json?logger=noderouter.admin&level=DEBUG'")
    return View("logging", "Log levels", terse="log levels", parts=tuple(parts), links=(link,))


async def config(state: AdminState, _query: Query) -> View:
    """Return the configuration in effect, defaults included."""
    text = json.dumps(state.config, indent=2, default=str)
    words = Words("configuration", "In effect", text, "with defaults", copy=True)
    return View(
        "config", "Configuration", terse="configuration", parts=(words,), links=(Link("as JSON", "/config.json"),)
    )


async def help(state: AdminState, _query: Query) -> View:
    """Return the questions, with the open addresses that answer them."""
    there = {path for path, group in GROUPS.items() if is_open(state.security, path, group)}
    rows = []
    for question, paths in QUESTIONS:
        found = [path for path in paths if path in there]
        rows += [Row(path, {"path": path, "question": question}, path=path) for path in found]
        if not found:
            rows.append(Row(question, {"path": "switched off here", "question": question}, State.OFF))
    table = Table("help", "Questions", ANSWERS, tuple(rows))
    return View("help", "Help", terse="help", parts=(table,), links=(Link("every address", "/admin/index.txt"),))
