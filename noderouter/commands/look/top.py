"""`noderouter top`: a view again and again; on a terminal in place, else one page after the other."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import localtime, strftime
from typing import Any, Final

import trio

from noderouter.commands.look.interface import Interface
from noderouter.commands.look.output import LookError, Output, one_line
from noderouter.commands.look.pages import below_each_other, complain, each, style, together
from noderouter.commands.look.screen import Screen

SUMMED: Final = ("overview", "services", "endpoints")
"""Views that are one page for all nodes; of the others there is one for each."""


async def top(nodes: Sequence[Interface], output: Output, form: str, view: str, every: float, count: int | None) -> int:
    """Show a view every so many seconds, `count` times or until it is interrupted; return the exit code.

    Raises:
        LookError: the first one cannot be had.
    """
    path = "/" if view == "overview" else f"/{view}"
    draw: Callable[[], Awaitable[tuple[str, int]]]
    if len(nodes) > 1 and view in SUMMED:
        from noderouter.commands.look import mesh  # a single router is looked at sooner without the dashboard

        draw = partial(mesh.page, nodes, output, form, view)
    elif form == "json":
        draw = partial(_object, nodes, path)
    else:
        draw = partial(_page, nodes, path, style(output))
    if form == "json" or not output.moves:
        return await _one_after_the_other(nodes, output, draw, every, count)
    page, code = await draw()  # before the screen is taken: an error should stay readable
    async with Screen(output) as screen:
        left = count
        while left is None or left > 0:
            left = None if left is None else left - 1
            await screen.show(page, every)
            if left == 0:
                break
            page, code = await _again(draw, page)
    return code


async def _again(draw: Any, last: str) -> tuple[str, int]:
    """Return the next page; while a router is away, why, above what was seen last."""
    try:
        page, code = await draw()
    except LookError as error:
        _, behind, seen = last.rpartition(SINCE)
        words = f"!! {strftime('%H:%M:%S', localtime())} {one_line(str(error))}"
        return f"{words}{SINCE}{seen if behind else last}", 1
    return str(page), int(code)


SINCE = "\n   what was seen last:\n\n"
"""Between an error and the page before it."""


async def _one_after_the_other(
    nodes: Sequence[Interface], output: Output, draw: Any, every: float, count: int | None
) -> int:
    code = 0
    shown = 0
    due = trio.current_time()
    while count is None or shown < count:
        await trio.sleep_until(due)
        try:
            page, code = await draw()
            await output.say(page)
        except LookError as error:
            if not shown:
                raise
            code = 1
            print(f"noderouter: {one_line(str(error))}", file=sys.stderr)
        shown += 1
        due = max(due + every, trio.current_time())
    return code


async def _page(nodes: Sequence[Interface], path: str, query: dict[str, str]) -> tuple[str, int]:
    answers = await each(nodes, lambda node: node.page(path, query))
    words = [f"!! {one_line(str(error))}" for error in answers.failed]
    return "\n".join([*words, below_each_other(answers)]), answers.code


async def _object(nodes: Sequence[Interface], path: str) -> tuple[str, int]:
    answers = await each(nodes, lambda node: node.view(path, {}))
    complain(answers)
    return json.dumps(together(nodes, answers), separators=(",", ":")), answers.code
