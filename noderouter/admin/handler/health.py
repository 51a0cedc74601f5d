"""Probes: `/livez` and `/healthz` (it lives), `/readyz` (requests are welcome), `/captured` (of the pod that asks).

An init container may wait until connections of its pod are captured.
"""

from typing import Final

from noderouter.admin.message import Request, Response, text
from noderouter.admin.state import AdminState


async def livez(_state: AdminState, _request: Request) -> Response:
    """Answer from the thread of the data path: where that hangs, this hangs too."""
    return text("ok\n")


async def readyz(state: AdminState, request: Request) -> Response:
    """Answer 200 while ready, else 503; with the reasons where it is not, or where `verbose` asks for them."""
    ready, lines = state.readiness()
    verdict = "ok\n" if ready else "not ready\n"
    if request.flag("verbose") or not ready:
        verdict = "".join(f"{line}\n" for line in lines) + verdict
    return text(verdict, 200 if ready else 503)


STATUSES: Final = {"captured": 200, "direct": 409, "not yet": 503}


async def captured(state: AdminState, request: Request) -> Response:
    """Answer 200 if they are; 409 if they are excluded by configuration; 503 while waiting helps."""
    assert state.capture_status is not None  # the route is there only then
    found = state.capture_status(request.client)
    return text(f"{found.verdict}: {found.why}\n" if found.why else f"{found.verdict}\n", STATUSES[found.verdict])
