"""`/admin/stacks`: which filters every server and service has, in order, and what every client is made with."""

from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import Lazy, json_object


async def stacks(state: AdminState, request: Request) -> Response:
    """The stacks of every router; of one with `router=<label>`."""
    wanted = request.query.get("router")

    async def make() -> Response:
        routers = state.routers.items()
        chosen = ((label, router) for label, router in routers if wanted is None or label == wanted)
        found = ((label, Lazy(router.stacks().items())) for label, router in chosen)
        return Response(200, await json_object(found), JSON)

    return await state.answers.get(("stacks", wanted if wanted in state.routers else wanted is None), make)
