"""Pages of text as routers render them, and the same views as JSON: of one router, or of several below each other.

The router that is asked makes the page, so that curl, a browser without scripts and these commands show the same.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import trio

from noderouter.commands.look.interface import Interface
from noderouter.commands.look.output import LookError, Output, one_line

AT_A_TIME: Final = 16
"""Routers that are asked at once."""
PATIENCE: Final = 10.0
"""Seconds that one of several may take."""

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said: a page and an object of each that answered, by node; and of the others why not."""

    found: tuple[tuple[str, Any], ...]
    failed: tuple[LookError, ...]

    @property
    def code(self) -> int:
        """The exit code."""
        return int(bool(self.failed))


async def each(nodes: Sequence[Interface], ask: Callable[[Interface], Awaitable[Any]]) -> Answers:
    """Ask all, in their order.

    Raises:
        LookError: it is a single one, and does not answer.
    """
    if len(nodes) == 1:
        return Answers(((nodes[0].node, await ask(nodes[0])),), ())
    found: dict[str, Any] = {}
    failed: dict[str, LookError] = {}
    limiter = trio.CapacityLimiter(AT_A_TIME)

    async def one(node: Interface) -> None:
        async with limiter:
            try:
                with trio.fail_after(PATIENCE):
                    found[node.node] = await ask(node)
            except LookError as error:
                failed[node.node] = error
            except trio.TooSlowError:
                failed[node.node] = LookError(f"{node.where}: no answer within {PATIENCE:g} s")

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(one, node)
    return Answers(
        tuple((node.node, found[node.node]) for node in nodes if node.node in found),
        tuple(failed[node.node] for node in nodes if node.node in failed),
    )


async def show(nodes: Sequence[Interface], output: Output, form: str, path: str, query: Query) -> int:
    """Print a view, as `text` or `json`; return the exit code."""
    if form == "json":
        answers = await each(nodes, partial(_view, path, query))
        await output.say(json.dumps(together(nodes, answers), indent=2))
    else:
        answers = await each(nodes, partial(_page, path, {**query, **style(output)}))
        if answers.found:
            await output.say(below_each_other(answers))
    complain(answers)
    return answers.code


async def draw_graph(nodes: Sequence[Interface], output: Output, form: str, query: Query) -> int:
    """Print who calls whom; with the form `dot` as graphs for Graphviz."""
    if form != "dot":
        return await show(nodes, output, form, "/graph", query)
    answers = await each(nodes, lambda node: node.text("/graph", {"format": "dot"}, "digraph"))
    for _, graph in answers.found:
        await output.say(graph)
    complain(answers)
    return answers.code


async def explain(nodes: Sequence[Interface], output: Output, form: str, name: str, router: str | None) -> int:
    """Print the delegation of a name as a tree, and the endpoints behind what it is bound to."""
    if not name.startswith("/"):
        raise LookError(f"{name!r}: a name begins with a slash, such as /svc/hello")
    query = {"path": name} | ({"router": router} if router else {})
    lines = style(output)

    async def objects(node: Interface) -> Any:
        names = await node.view("/names", query)
        return {"names": names, "endpoints": await _endpoints(node, query)}

    async def page(node: Interface) -> str:
        names = await node.page("/names", query | lines)
        if not await _rows(node, query):
            return names  # nobody has asked for that name yet: the tree says how many there are
        return f"{names}\n\n{await node.page('/endpoints', _of_service(query) | lines)}"

    answers = await each(nodes, objects if form == "json" else page)
    if form == "json":
        await output.say(json.dumps(together(nodes, answers), indent=2))
    elif answers.found:
        await output.say(below_each_other(answers))
    complain(answers)
    return answers.code


def style(output: Output) -> dict[str, str]:
    """Return the keys of a query that say what a terminal can show."""
    return ({"color": "1"} if output.colour else {}) | ({"ascii": "1"} if output.ascii else {})


def below_each_other(answers: Answers) -> str:
    """Return pages as one text; each says in its first line which node's it is."""
    return "\n\n".join(page for _, page in answers.found)


def together(nodes: Sequence[Interface], answers: Answers) -> Any:
    """Return the object of a single router, or `{"nodes": {NAME: …}, "failed": […]}` of several."""
    if len(nodes) == 1:
        return answers.found[0][1]
    return {"nodes": dict(answers.found), "failed": [str(error) for error in answers.failed]}


def complain(answers: Answers) -> None:
    """Say on standard error which did not answer."""
    for error in answers.failed:
        print(f"noderouter: {one_line(str(error))}", file=sys.stderr)


async def _page(path: str, query: Query, node: Interface) -> str:
    return await node.page(path, query)


async def _view(path: str, query: Query, node: Interface) -> Any:
    return await node.view(path, query)


async def _endpoints(node: Interface, query: Query) -> Any:
    return (await node.view("/endpoints", _of_service(query))).get("endpoints")


async def _rows(node: Interface, query: Query) -> bool:
    table = await _endpoints(node, query)
    return isinstance(table, dict) and bool(table.get("rows"))


def _of_service(query: Query) -> dict[str, str]:
    """Return the query of a service's endpoints, from that of its name."""
    return {"service": query["path"]} | ({"router": query["router"]} if "router" in query else {})
