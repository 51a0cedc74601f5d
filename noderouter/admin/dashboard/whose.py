"""Whose figures a view shows: this router's, or with `?nodes=all` those of all nodes; links that stay there."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from noderouter.admin.dashboard.query import BadQuery, Query, choice
from noderouter.admin.dashboard.view import Facts, Form, Graph, Link, Part, Table, View

if TYPE_CHECKING:
    from noderouter.admin.dashboard.look import Look
    from noderouter.admin.state import AdminState

ALL: Final = "all"
PATHS: Final = ("/", "/services", "/service", "/endpoints", "/graph", "/health")
"""Views that have all nodes."""
LATER: Final = 15.0
"""Seconds that a look may be old when it is told: what was gathered for a page is good until that is made."""


def is_mesh(query: Query) -> bool:
    """Whether all nodes are asked for.

    Raises:
        BadQuery: `nodes` is something else.
    """
    return choice(query, "nodes", (ALL,)) == ALL


async def gather(state: "AdminState", query: Query, path: str) -> bool:
    """Have all nodes asked, where they are asked for; return whether they are.

    Raises:
        BadQuery: the view has not got them, or this router does not know where they are.
    """
    if not is_mesh(query):
        return False
    if path not in PATHS:
        raise BadQuery(f"nodes=all: {', '.join(PATHS)} have all nodes; {path} is about one")
    if state.mesh is None:
        raise BadQuery("nodes=all: this router does not know the others; `admin.peers` says where they are")
    await state.mesh.look(state)
    return True


async def look_for(state: "AdminState", query: Query) -> "Look":
    """Return the look that a query is about."""
    if state.mesh is not None and is_mesh(query):
        return await state.mesh.look(state, LATER)
    return await state.looker.look(state)


def staying(view: View) -> View:
    """Return the view with its links to others that have all nodes leading there, and its forms asking for them."""
    return replace(
        view,
        problems=tuple(replace(each, path=with_all(each.path)) for each in view.problems),
        parts=tuple(map(_part, view.parts)),
        links=tuple(map(_link, view.links)),
    )


def with_all(path: str) -> str:
    """Return the address of a view, of all nodes; as it is where that has none."""
    page, _, query = path.partition("?")
    if page not in PATHS or not path.startswith("/"):
        return path
    return f"{page}?{query}&nodes={ALL}" if query else f"{page}?nodes={ALL}"


def _link(link: Link) -> Link:
    return replace(link, path=with_all(link.path))


def _part(part: Part) -> Part:
    match part:
        case Table():
            rows = tuple(replace(each, path=with_all(each.path)) for each in part.rows)
            return replace(part, rows=rows, more=None if part.more is None else _link(part.more))
        case Facts():
            return replace(part, more=None if part.more is None else _link(part.more))
        case Graph():
            return replace(part, edges=tuple(replace(each, path=with_all(each.path)) for each in part.edges))
        case Form():
            return replace(part, hidden=(*part.hidden, ("nodes", ALL)))
        case _:
            return part
