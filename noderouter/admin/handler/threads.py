"""`/admin/threads` and `/admin/threads.json`: what everybody is doing.

First the coroutines of the data path, then the tree of trio's tasks, each with its stack, the outermost frame
first. In JSON also the threads of the system, in the form that Linkerd has: few, and all requests are in one of them.
"""

import sys
import threading
from collections.abc import Iterator
from itertools import chain, islice
from traceback import extract_stack
from typing import Any, Final

import trio

from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import json_text, lines

LIMIT: Final = 5_000
"""Lines of either part: enough for a thousand connections."""


async def threads(state: AdminState, _request: Request) -> Response:
    """Answer both parts as text."""

    async def make() -> Response:
        parts = chain(("data path:",), _cut(iter(state.reactor_tasks())), ("", "control plane:"), _cut(task_tree()))
        return Response(200, await lines(parts))

    return await state.answers.get("threads", make)


async def threads_json(state: AdminState, _request: Request) -> Response:
    """Answer `threads` by number, and the lines of both parts."""

    async def make() -> Response:
        found = {
            "threads": _system_threads(),
            "dataPath": list(_cut(iter(state.reactor_tasks()))),
            "controlPlane": list(_cut(task_tree())),
        }
        return Response(200, await json_text(found), JSON)

    return await state.answers.get("threads.json", make)


def _system_threads() -> dict[str, Any]:
    """Return the threads that Python knows, with their stacks, the innermost frame first as Linkerd has them."""
    frames = sys._current_frames()
    found = {}
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        stack = [] if frame is None else [f"{at.filename}:{at.lineno} in {at.name}" for at in extract_stack(frame)]
        found[str(thread.ident)] = {"thread": thread.name, "daemon": thread.daemon, "stack": stack[::-1]}
    return found


def task_tree() -> Iterator[str]:
    """Yield a few lines for each trio task; below it, indented, those of its nurseries."""
    root = trio.lowlevel.current_root_task()
    todo = [] if root is None else [(root, 0)]
    while todo:
        task, depth = todo.pop()
        if getattr(task.coro, "cr_frame", None) is None:
            continue  # ended while this was half-way
        indent = "  " * depth
        yield f"{indent}{task.name}"
        for frame, line in task.iter_await_frames():
            code = frame.f_code
            yield f"{indent}    {code.co_filename}:{line} in {code.co_qualname}"
        children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
        todo.extend((child, depth + 1) for child in sorted(children, key=lambda child: child.name, reverse=True))


def _cut(found: Iterator[str]) -> Iterator[str]:
    yield from islice(found, LIMIT)
    if next(found, None) is not None:
        yield f"... cut after {LIMIT} lines"
