"""`/openapi.json`: what there is on this port, for programs: paths, parameters, bodies, answers."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.security import Group
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import json_text


class Described(Protocol):
    """A route."""

    @property
    def group(self) -> Group: ...
    @property
    def methods(self) -> Mapping[str, Callable[..., Any]]: ...


async def openapi(table: Mapping[str, Described], state: AdminState, _request: Request) -> Response:
    """Answer the description of this interface in OpenAPI 3.1: what is open on this port, and nothing else."""
    from noderouter.admin.openapi.document import document  # by the first who asks; it knows all handlers, this as well

    gate = state.gate
    made = document(table, state.version, state.routers, None if gate is None else gate.is_open)
    return Response(200, await json_text(made), JSON)
