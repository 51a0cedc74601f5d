"""`/admin/lint` and `/admin/lint.json`: what is odd about the dtab that each router has in effect.

Twitter's server has such a page for the settings of its process; what of a router can be odd is its dtab.
"""

from typing import Any

import trio

from dtab import Dtab, Path
from dtab.lint import lint
from noderouter.admin.message import Request, Response, as_json, text
from noderouter.admin.state import AdminState


async def lint_json(state: AdminState, _request: Request) -> Response:
    """Answer by router the findings, each with its entry; null while there is no dtab."""
    return await state.answers.get("lint.json", lambda: _as_json(state))


async def lint_text(state: AdminState, _request: Request) -> Response:
    """Answer the same in lines."""
    return await state.answers.get("lint", lambda: _as_text(state))


async def _as_json(state: AdminState) -> Response:
    return as_json({"routers": await _findings(state)})


async def _as_text(state: AdminState) -> Response:
    lines = []
    for label, found in (await _findings(state)).items():
        if found is None:
            lines.append(f"router {label}: no dtab yet\n")
        elif not found:
            lines.append(f"router {label}: nothing odd\n")
        else:
            lines += [f"router {label}: {one['entry']}: {one['code']}: {one['message']}\n" for one in found]
    return text("".join(lines))


async def _findings(state: AdminState) -> dict[str, list[dict[str, str]] | None]:
    found: dict[str, list[dict[str, str]] | None] = {}
    for label, router in state.routers.items():
        dtab = router.dtab()
        # In a thread: a dtab may be half a megabyte, and others have their turns meanwhile.
        found[label] = None if dtab is None else await trio.to_thread.run_sync(_of, dtab, tuple(router.prefixes()))
    return found


def _of(dtab: Dtab, prefixes: tuple[Path, ...]) -> list[dict[str, Any]]:
    entries = [dentry.show() for dentry in dtab]
    found = lint(";\n".join(entries), prefixes)
    return [{"entry": entries[each.line - 1], "code": each.code, "message": each.message} for each in found]
