"""`/logging.json`: how much each logger says, and changing that while the router runs."""

from urllib.parse import parse_qs

from noderouter.admin.message import Request, Response, as_json, text
from noderouter.admin.state import AdminState
from noderouter.telemetry.log import LEVELS


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
    if "text/html" in request.headers.get("accept", ""):
        return text("set\n", 303, (("location", "./logging"),))  # a form of the page: back to it
    return await list_levels(state, request)
