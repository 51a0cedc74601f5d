"""`noderouter status`, `stat`, `routes`, `edges`: all nodes added up here, as any router does it for `?nodes=all`.

Each is asked for its summary, through the API server or directly; what they say is a stranger's (`admin.mesh.checked`).
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from time import time
from typing import Final

import trio

from noderouter import __version__
from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.render import json as as_json
from noderouter.admin.dashboard.render import text
from noderouter.admin.dashboard.view import Column, Frame, Kind, Row, State, Table, View
from noderouter.admin.dashboard.views import endpoints, graph, overview, services
from noderouter.admin.dashboard.views.nodes import nodes_table
from noderouter.admin.mesh.bounds import SUMMARY_BYTES
from noderouter.admin.mesh.checked import Refused, checked
from noderouter.admin.mesh.merge import Merge
from noderouter.admin.mesh.nodes import Mesh, differences, missing, problems_of, silent
from noderouter.commands.look.interface import Interface
from noderouter.commands.look.output import LookError, Output
from noderouter.commands.look.pages import AT_A_TIME, PATIENCE
from noderouter.telemetry.portions import json_object

PATH: Final = "/admin/summary.json"
ROUTES: Final = (
    Column("name", "service", Kind.NAME, short=""),
    Column("client", "client", Kind.NAME, short=""),
    Column("share", "share %", Kind.COUNT),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p99", "p99 ms", Kind.MS, drop=1),
)


async def gathered(nodes: Sequence[Interface]) -> Look:
    """Return all of them as one look.

    Raises:
        LookError: it is a single one, and does not answer.
    """
    merge = Merge()
    limiter = trio.CapacityLimiter(AT_A_TIME)

    async def one(node: Interface) -> None:
        async with limiter:
            word, why = "late", f"no answer within {PATIENCE:g} s"
            try:
                with trio.move_on_after(PATIENCE):
                    summary = checked(await node.data(PATH, SUMMARY_BYTES))
                    merge.add(replace(summary, node=node.node or summary.node))
                    return
            except LookError as error:
                why = str(error)
            except Refused as refusal:
                word, why = "refused", str(refusal)
            merge.missing(silent(node.node or node.where, "", word, why))

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(one, node)
    if len(nodes) == 1 and merge.nodes and not merge.nodes[0].heard:
        raise LookError(merge.nodes[0].why)
    return await merge.look()


async def page(nodes: Sequence[Interface], output: Output, form: str, view: str) -> tuple[str, int]:
    """Return one page for all of them, and the exit code: 1 where one is missing."""
    look = await gathered(nodes)
    match view:
        case "overview":
            found = await overview.shown(look)
        case "services":
            found = await services.shown(look, {})
        case _:
            found = await endpoints.shown(look, {})
    mesh = _mesh_of(look)
    problems = found.problems if view == "overview" else tuple(missing(mesh.nodes))
    return await _written(replace(found, problems=problems), mesh, output, form), int(mesh.heard < len(mesh.nodes))


async def status(nodes: Sequence[Interface], output: Output, form: str) -> int:
    """Print a line for each node, and what differs; return 1 where something does or is wrong."""
    mesh = _mesh_of(await gathered(nodes))
    view = View(
        "status",
        "nodes",
        terse="status",
        problems=tuple(sorted(problems_of(replace(mesh, minor=())), key=lambda each: each.state is not State.BAD)),
        parts=(nodes_table(mesh, len(mesh.nodes)),),
    )
    await _say(view, mesh, output, form)
    return int(any(each.state is not State.OK for each in mesh.nodes) or any(differences(mesh.nodes)))


async def show(nodes: Sequence[Interface], output: Output, form: str, what: str, of: str | None) -> int:
    """Print services (`stat`), where they go (`routes`), or who calls whom (`edges`); return the exit code."""
    look = await gathered(nodes)
    match what:
        case "stat":
            view = await services.shown(look, {"q": of} if of else {})
        case "edges":
            view = await graph.shown(look, {"of": of} if of else {})
        case _:
            view = routes(look, of)
    mesh = _mesh_of(look)
    about = f"{mesh.about}; {mesh.incomplete}" if mesh.incomplete else mesh.about
    await _say(replace(view, problems=tuple(missing(mesh.nodes)), about=about), mesh, output, form)
    return int(mesh.heard < len(mesh.nodes))


def routes(look: Look, of: str | None) -> View:
    """Return where services go, and how it goes there."""
    rows = [
        Row(
            f"{each.router} {each.name} {branch.client}",
            {
                "name": each.name,
                "client": branch.client,
                "share": 100 * branch.share,
                "rate": branch.figures.rate,
                "success": branch.figures.success,
                "p99": branch.figures.p99,
            },
        )
        for each in sorted(look.seen.services, key=lambda each: (-each.figures.rate, each.name))
        for branch in each.branches
        if of is None or of in each.name
    ]
    note = "figures of the whole client"
    table = Table("routes", "Routes", ROUTES, tuple(rows), note, group="name")
    return View("routes", "Routes", terse=f"routes ({len(rows)})", aside="last 60 s", parts=(table,))


async def _say(view: View, mesh: Mesh, output: Output, form: str) -> None:
    await output.say(await _written(view, mesh, output, form, 2))


async def _written(view: View, mesh: Mesh, output: Output, form: str, indent: int | None = None) -> str:
    frame = Frame(mesh.about, __version__, 0.0, time(), "")
    view = replace(view, links=())
    if form == "json":
        found = b"".join(await json_object(as_json.members(view, frame)))
        return json.dumps(json.loads(found), indent=indent)
    return "\n".join(text.lines(view, frame, text.Style(output.colour, output.ascii))).rstrip("\n")


def _mesh_of(look: Look) -> Mesh:
    assert look.mesh is not None  # it comes from `Merge`
    return look.mesh
