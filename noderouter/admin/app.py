"""The administrative interface as an ASGI application: from bytes to a handler and back.

What is true of every endpoint is done here, once: which exist, methods, bounded bodies, time limits, at most
`BUSY` requests at a time (probes are always let in), HEAD, and that a handler's failure is a 500 and a log line.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, quote

import trio

from noderouter.admin.body import Body, ClientLeft, Receive, drain, read_body
from noderouter.admin.message import Request, Response, text
from noderouter.admin.routes import Route, routes
from noderouter.admin.security import Group, is_open, is_same_origin
from noderouter.admin.state import AdminState
from noderouter.telemetry import log
from noderouter.telemetry.events import ADMIN_HANDLER_FAILED

BUSY: Final = 32
"""Requests at a time; a scrape of a large tree takes memory."""
HANDLER_SECONDS: Final = 30.0
QUERY_FIELDS: Final = 50
HASH_HEADER: Final = "noderouter-dtab-hash"

_STANDING: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_log = log.get("noderouter.admin")


class AdminApp:
    """The application; keeps nothing between requests but how many there are."""

    def __init__(self, state: AdminState) -> None:
        self._state = state
        self._routes = routes(state.expositions, state.states)
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification, version 3."""
        if scope["type"] == "http":
            await self._exchange(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, answer, write."""
        try:
            body = await read_body(receive)
        except ClientLeft:
            return
        self._active += 1
        try:
            response = await self._respond(scope, body)
        finally:
            self._active -= 1
        response = self._marked(response)
        if body.complete:
            await _write(scope, response, send, close=False)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain, receive)
            await _write(scope, response, send, close=True)
            nursery.cancel_scope.cancel()

    def _marked(self, response: Response) -> Response:
        """With the dtabs in effect in the head, so that any answer tells which state of affairs it is about."""
        hashes = self._state.dtab_hashes()
        if not hashes:
            return response
        shown = ", ".join(f"{quote(label)}={value}" for label, value in hashes.items())
        return replace(response, headers=(*response.headers, (HASH_HEADER, shown)))

    async def _respond(self, scope: Scope, body: Body) -> Response:
        """The answer, whatever happens."""
        path = scope["path"]
        route = self._routes.get(path)
        if route is None or not is_open(self._state.security, path, route.group):
            return text("not found; /admin/index.txt lists what there is\n", 404)
        if self._active > BUSY and route.group is not Group.PROBE:
            return text("too many requests at a time\n", 503, (("retry-after", "1"),))
        if body.too_large:
            return text("the request body is too large\n", 413)
        if not body.complete:
            return text("the request body did not come in time\n", 408)
        request = _request(scope, body.data)
        if request is None:
            return text("the query has too many fields\n", 400)
        return await self._handle(route, request, scope["scheme"])

    async def _handle(self, route: Route, request: Request, scheme: str) -> Response:
        """Run the handler, if the method is one of its."""
        method = "GET" if request.method == "HEAD" else request.method
        handler = route.methods.get(method)
        if handler is None:
            allowed = [*route.methods, *(["HEAD"] if "GET" in route.methods else [])]
            return text("method not allowed\n", 405, (("allow", ", ".join(allowed)),))
        if method in route.changes and not is_same_origin(request.headers, scheme):
            return text("refused: the request comes from a page of another site\n", 403)
        try:
            with trio.move_on_after(HANDLER_SECONDS):
                return await handler(self._state, request)
        except Exception as error:
            # One endpoint that fails must not take the others with it.
            _log.exception(ADMIN_HANDLER_FAILED, path=request.path, error=str(error))
            return text(f"internal error: {type(error).__name__}: {error}\n", 500)
        return text("this took too long\n", 503)


def _request(scope: Scope, body: bytes) -> Request | None:
    """The request, or None where its query is out of bounds."""
    try:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=QUERY_FIELDS)
    except ValueError:
        return None
    return Request(
        method=scope["method"],
        path=scope["path"],
        query={name: values[-1] for name, values in query.items()},
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def _write(scope: Scope, response: Response, send: Send, *, close: bool) -> None:
    """Send a response; of one to HEAD the server leaves the body out."""
    headers = [
        ("content-type", response.content_type),
        ("content-length", str(len(response.body))),
        *_STANDING,
        *response.headers,
    ]
    if close and scope["http_version"] < "2":
        headers.append(("connection", "close"))
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Nothing is to be started or stopped."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
