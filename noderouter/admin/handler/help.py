"""`/help`: which question is answered where."""

from html import escape
from typing import Final

from noderouter.admin.message import HTML, Request, Response
from noderouter.admin.security import Group, is_open
from noderouter.admin.state import AdminState

QUESTIONS: Final = (
    ("Why does a request get the answer that it gets?", ("/delegator.json", "/client_state.json", "/requests")),
    ("What has the router in effect?", ("/config.json", "/admin/lint", "/admin/stacks")),
    ("How much of what is there?", ("/admin/metrics.json", "/metrics.json")),
    ("Which instances does it know?", ("/bound-names.json", "/client_state.json")),
    ("Is it ready, and if not, why?", ("/readyz",)),
    ("What is it doing right now?", ("/admin/threads", "/admin/threads.json")),
    ("How much does it log?", ("/logging", "/logging.json")),
)
"""And the paths that answer them; `/` has them all."""
GROUPS: Final = {
    **dict.fromkeys(("/delegator.json", "/config.json", "/admin/metrics.json", "/metrics.json", "/logging"), Group.UI),
    **dict.fromkeys(("/client_state.json", "/bound-names.json", "/requests"), Group.DIAGNOSTICS),
    **dict.fromkeys(("/admin/lint", "/admin/stacks", "/admin/threads", "/admin/threads.json"), Group.DIAGNOSTICS),
    "/logging.json": Group.CONTROL,
    "/readyz": Group.PROBE,
}
"""Of those paths; a test compares them with the table of routes."""


async def page(state: AdminState, _request: Request) -> Response:
    """Answer a page with the open endpoints."""
    there = {path for path, group in GROUPS.items() if is_open(state.security, path, group)}
    rows = []
    for question, paths in QUESTIONS:
        links = ", ".join(f'<a href="{path}">{path}</a>' for path in paths if path in there)
        rows.append(f"<dt>{escape(question)}</dt><dd>{links or 'switched off here'}</dd>\n")
    body = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>noderouter: help</title></head>\n'
        f'<body><p><a href="./">noderouter {escape(state.version)}</a></p><h1>Help</h1>\n<dl>\n{"".join(rows)}</dl>\n'
        "<p>The documentation comes with the source, in the folder docs: troubleshooting.md goes by symptom.</p>\n"
        "</body></html>\n"
    )
    return Response(200, body.encode(), HTML, (("content-security-policy", "default-src 'none'"),))
