"""`/captured`: whether connections of the pod that asks are captured, which an init container may wait for."""

from typing import Final

from noderouter.admin.message import Request, Response, text
from noderouter.admin.state import AdminState

STATUSES: Final = {"captured": 200, "direct": 409, "not yet": 503}


async def captured(state: AdminState, request: Request) -> Response:
    """200 if they are; 409 if they never will be, as somebody has chosen; 503 as long as waiting helps."""
    assert state.outlook is not None  # the route is there only then
    found = state.outlook(request.client)
    return text(f"{found.verdict}: {found.why}\n" if found.why else f"{found.verdict}\n", STATUSES[found.verdict])
