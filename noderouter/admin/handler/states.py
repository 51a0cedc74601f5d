"""`/namer_state/...` and `/<router>/interpreter_state/...`: what namers and interpreters know (spec section 7.4)."""

from collections.abc import Callable
from typing import Any

from noderouter.admin.message import Request, Response, as_json
from noderouter.admin.state import AdminState


async def shown(show: Callable[[], Any], _state: AdminState, _request: Request) -> Response:
    """What one of them has to show now."""
    return as_json(show())
