"""Probes: `/livez` and `/healthz` (this answers, so it lives), `/readyz` (requests are welcome)."""

from noderouter.admin.message import Request, Response, text
from noderouter.admin.state import AdminState


async def livez(_state: AdminState, _request: Request) -> Response:
    """Answer from the thread of the data path: where that hangs, this does too."""
    return text("ok\n")


async def readyz(state: AdminState, request: Request) -> Response:
    """200 while requests are welcome, else 503; the reasons where it is not, or where `verbose` asks for them."""
    ready, lines = state.readiness()
    verdict = "ok\n" if ready else "not ready\n"
    if request.flag("verbose") or not ready:
        verdict = "".join(f"{line}\n" for line in lines) + verdict
    return text(verdict, 200 if ready else 503)
