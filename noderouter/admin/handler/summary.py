"""`/admin/summary.json`: this router, for those who look at all nodes."""

from noderouter.admin.mesh.summary import summary
from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.state import AdminState


async def summary_json(state: AdminState, _request: Request) -> Response:
    """Answer the summary."""
    return Response(200, await summary(state), JSON)
