"""`/logging.json` and the page `/logging`: how much each logger says, and changing that while the router runs."""

from html import escape
from typing import Final
from urllib.parse import parse_qs

from noderouter.admin.message import HTML, Request, Response, as_json, text
from noderouter.admin.security import Group, is_open
from noderouter.admin.state import AdminState
from noderouter.telemetry.log import LEVELS

_GUARDED: Final = (("content-security-policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),)
"""What the page may do: send its own forms, and not within another site's page."""


async def page(state: AdminState, _request: Request) -> Response:
    """Answer every logger with its level; where control is open, a form to change it."""
    changing = is_open(state.security, "/logging.json", Group.CONTROL)
    rows = "".join(_row(name, state.levels.of(name), changing) for name in state.levels.known())
    hint = "" if changing else "<p>Levels cannot be changed here: admin.security.controlEnabled is off.</p>\n"
    body = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>noderouter: logging</title></head>\n'
        f'<body><p><a href="./">noderouter</a></p><h1>Logging</h1>\n{hint}<table>\n{rows}</table>\n</body></html>\n'
    )
    return Response(200, body.encode(), HTML, _GUARDED)


def _row(name: str, level: str, changing: bool) -> str:
    if not changing:
        return f"<tr><td>{escape(name)}</td><td>{level}</td></tr>\n"
    options = "".join(f"<option{' selected' if each == level else ''}>{each}</option>" for each in LEVELS)
    form = (
        f'<form method="post" action="logging.json"><input type="hidden" name="logger" value="{escape(name)}">'
        f'<select name="level">{options}</select><button>Set</button></form>'
    )
    return f"<tr><td>{escape(name)}</td><td>{form}</td></tr>\n"


async def list_levels(state: AdminState, _request: Request) -> Response:
    """Answer every logger with its level, the root first."""
    levels = state.levels
    return as_json([{"logger": name, "level": levels.of(name)} for name in levels.known()])


async def set_level(state: AdminState, request: Request) -> Response:
    """Set the level of `logger` to `level`; both are parameters of the query, or of a form."""
    given = dict(request.query)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            form = parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=10)
        except ValueError:
            return text("too many fields\n", 400)
        given.update((name, values[-1]) for name, values in form.items())
    name, level = given.get("logger"), given.get("level")
    if not name or not level:
        return text("the parameters `logger` and `level` are needed\n", 400)
    try:
        state.levels.set(name, level)
    except ValueError:
        return text(f"no such level: {level}; it must be one of {' '.join(LEVELS)}\n", 400)
    except KeyError:
        return text(f"no such logger: {name}; GET this path for a list\n", 400)
    return await list_levels(state, request)
