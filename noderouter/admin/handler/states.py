"""What namers and interpreters know, at `/namer_state/...` and `/<router>/interpreter_state/...`.

The form is described in docs/linkerd1.md section 7.4.
"""

from collections.abc import Callable
from typing import Any

from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import json_text


async def shown(path: str, show: Callable[[], Any], state: AdminState, _request: Request) -> Response:
    """What one of them has to show now."""

    async def make() -> Response:
        return Response(200, await json_text(show()), JSON)

    return await state.answers.get(("state", path), make)
