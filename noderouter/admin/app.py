"""The administrative interface as an ASGI application: from bytes to a handler and back.

What is true of every endpoint is done here, once: which hosts, which paths, tokens, methods, pages of other sites,
bounded bodies, time limits, HEAD, and that a handler's failure is a 500 and a log line. Nothing of a body is read
before the head has been judged.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from math import inf
from typing import Any, Final
from urllib.parse import parse_qs, quote

import trio

from noderouter.admin.body import LIMIT_BYTES, Body, ClientLeft, Receive, drain, read_body
from noderouter.admin.gauges import Gauges
from noderouter.admin.handler import login
from noderouter.admin.hosts import is_ours
from noderouter.admin.message import Request, Response, Stream, text
from noderouter.admin.places import Place
from noderouter.admin.routes import Handler, Route, routes_of
from noderouter.admin.security import ELSEWHERE, is_same_origin
from noderouter.admin.state import AdminState
from noderouter.core.host_port import unmapped
from noderouter.telemetry import log
from noderouter.telemetry.log import ADMIN_HANDLER_FAILED, ADMIN_TOKEN_WRONG

HANDLER_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 30.0
"""From the first byte of an answer to the last one that the kernel takes; for a stream, of each piece."""
QUERY_FIELDS: Final = 50
HASH_HEADER: Final = "noderouter-dtab-hash"

_READING: Final = frozenset({"GET", "HEAD"})
"""Methods that a page of another site may use: what they answer its browser does not show it."""
_STANDING: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_log = log.get("noderouter.admin")


class AdminApp:
    """The application of one port; keeps nothing between requests."""

    def __init__(
        self, state: AdminState, open_routes: Mapping[str, Route] | None = None, gauges: Gauges | None = None
    ) -> None:
        self._state = state
        self._routes = dict(routes_of(state) if open_routes is None else open_routes)
        self._gauges = gauges or Gauges(state.metrics, state.answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification, version 3."""
        if scope["type"] == "http":
            await self._exchange(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the head, read the body, run the handler, send the response."""
        self._gauges.requests.add()
        query = _query(scope)
        request = _request(scope, query or {})
        whole = not _announces_body(request)
        response = self._judge(request, scope["scheme"])
        if response is None and query is None:
            response = text("the query has too many fields\n", 400)
        if response is None:
            try:
                body = await read_body(receive)
            except ClientLeft:
                return
            whole = body.complete
            response = self._unread(body) or await self._handle(replace(request, body=body.data))
        response = self._marked(response)
        if isinstance(response, Stream):
            await _stream(scope, receive, response, send)
            return
        with self._state.answers.reading(response):
            if whole:
                await _write(scope, response, send, close=False)
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(drain, receive)
                    await _write(scope, response, send, close=True)
                    nursery.cancel_scope.cancel()

    def _marked(self, response: Response) -> Response:
        """Return the response with the hashes of the dtabs in effect in its head, so that it tells what it is about."""
        hashes = self._state.dtab_hashes()
        if not hashes:
            return response
        shown = ", ".join(f"{quote(label)}={value}" for label, value in hashes.items())
        return replace(response, headers=(*response.headers, (HASH_HEADER, shown)))

    def _judge(self, request: Request, scheme: str) -> Response | None:
        """Return why a request is refused by its head alone, before anything of its body is read."""
        headers = request.headers
        host = headers.get("host")
        if not is_ours(host, self._state.hosts):
            self._gauges.refused["host"].add()
            return text(
                f"refused: this is not {host}; use an address or localhost, or list the name in admin.hosts\n", 421
            )
        route = self._routes.get(request.path)
        if route is None:
            return text("not found; /admin/index.txt lists what there is\n", 404)
        if not self._lets(request):
            return login.refused(request)
        if _handler(route, request.method) is None:
            allowed = [*route.methods, *(["HEAD"] if "GET" in route.methods else [])]
            return text("method not allowed\n", 405, (("allow", ", ".join(allowed)),))
        if request.method not in _READING and not is_same_origin(headers, scheme):
            self._gauges.refused["origin"].add()
            return text(ELSEWHERE, 403)
        if int(headers.get("content-length", "0")) > LIMIT_BYTES:
            return self._unread(Body(b"", too_large=True, complete=False))
        return None

    def _lets(self, request: Request) -> bool:
        """Whether a request may have what it asks for, where a token is needed."""
        gate = self._state.gate
        if gate is None or gate.lets(request):
            return True
        self._count_token(request, shown=gate.shows_proof(request))
        return False

    def _count_token(self, request: Request, *, shown: bool) -> None:
        """Note a request without proof, or with one that was `shown` and is wrong."""
        self._gauges.refused["token"].add()
        if shown:
            _log.warning(ADMIN_TOKEN_WRONG, path=request.path, client=request.client)

    def _unread(self, body: Body) -> Response | None:
        """Return why a body was not read to its end; None where it was."""
        if body.complete:
            return None
        self._gauges.refused["body"].add()
        if body.too_large:
            return text(f"the request body is too large: up to {LIMIT_BYTES // 1024} KB are read\n", 413)
        return text("the request body did not come in time\n", 408)

    async def _handle(self, request: Request) -> Response:
        """Run the handler."""
        handler = _handler(self._routes[request.path], request.method)
        assert handler is not None  # see `_judge`
        try:
            with trio.move_on_after(HANDLER_SECONDS):
                answer = await handler(self._state, request)
                if answer.status == 401:  # who logs in shows the token in the body
                    self._count_token(request, shown=True)
                return answer
        except Exception as error:
            # One endpoint that fails must not take the others with it.
            _log.exception(ADMIN_HANDLER_FAILED, path=request.path, error=str(error))
            return text(f"internal error: {type(error).__name__}: {error}\n", 500)
        return text("this took too long\n", 503)


def _handler(route: Route, method: str) -> Handler | None:
    return route.methods.get("GET" if method == "HEAD" else method)


def _announces_body(request: Request) -> bool:
    """Whether a body follows the head (RFC 9112 section 6)."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0").strip("0") != ""


def _query(scope: Scope) -> dict[str, str] | None:
    """Return the parameters; None where there are too many."""
    try:
        found = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=QUERY_FIELDS)
    except ValueError:
        return None
    return {name: values[-1] for name, values in found.items()}


def _request(scope: Scope, query: dict[str, str]) -> Request:
    """Return the request without its body; a field that comes more than once has all of its values."""
    headers: dict[str, str] = {}
    for spelling, value in scope["headers"]:
        name, said = spelling.decode("latin-1").lower(), value.decode("latin-1")
        between = "; " if name == "cookie" else ", "
        headers[name] = said if name not in headers else f"{headers[name]}{between}{said}"
    client, _ = scope.get("client") or ("", 0)
    return Request(scope["method"], scope["path"], query, headers, scheme=scope["scheme"], client=unmapped(client))


async def _stream(scope: Scope, receive: Receive, response: Stream, send: Send) -> None:
    """Send a response piece by piece, until it ends or the client has left."""
    place: Place | None = scope.get("state", {}).get("place")

    async def watch(scope: trio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    try:
        async with trio.open_nursery() as nursery, aclosing(response.pieces) as pieces:
            nursery.start_soon(watch, nursery.cancel_scope)
            headers = [("content-type", response.content_type), *_STANDING, *response.headers]
            await _start(response.status, headers, send)
            async for piece in pieces:
                if place is not None:
                    place.begin(trio.current_time(), ANSWER_SECONDS)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                if place is not None:  # until there is more
                    place.begin(trio.current_time(), inf)
            await send({"type": "http.response.body", "body": b""})
            nursery.cancel_scope.cancel()
    finally:
        response.close()


async def _start(status: int, headers: list[tuple[str, str]], send: Send) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _write(scope: Scope, response: Response, send: Send, *, close: bool) -> None:
    """Send a response; the server leaves the body out of one to HEAD."""
    headers = [
        ("content-type", response.content_type),
        ("content-length", str(response.length)),
        *(each for each in _STANDING if all(each[0] != name for name, _ in response.headers)),
        *response.headers,
    ]
    if close:
        headers.append(("connection", "close"))
    await _start(response.status, headers, send)
    *first, last = response.portions or (b"",)
    for portion in first:
        await send({"type": "http.response.body", "body": portion, "more_body": True})
    await send({"type": "http.response.body", "body": last})
