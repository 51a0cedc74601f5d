"""What has to be said to httpx: the client, sending so that nothing leaks, and bodies that end when we want them to.

`get_once` is for what is fetched from elsewhere than the API, and seldom.

httpx is imported by the first request. It is in maintenance only; everything that would have to change with another
library is here and in `api.py`.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import trio

from noderouter import __version__
from noderouter.kubernetes.credentials import Endpoint

if TYPE_CHECKING:
    import httpx

KEPT_CONNECTIONS: Final = 4
"""Idle connections for lists and writes."""
SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)

Take = Callable[[bytes], Awaitable[None]]
"""Takes a piece of a body; must not block, but may let others have their turn."""


def make_client(endpoint: Endpoint) -> "httpx.AsyncClient":
    """Return a client that takes nothing from the environment."""
    import httpx

    # For plain HTTP a context without CAs: loading the public ones, which httpx would do, takes its time.
    tls = endpoint.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS, keepalive_expiry=30.0)
    transport = httpx.AsyncHTTPTransport(
        verify=tls, limits=limits, trust_env=False, proxy=endpoint.proxy, socket_options=SOCKET_OPTIONS
    )
    return httpx.AsyncClient(
        base_url=endpoint.url,
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        event_hooks={"response": [_lead_nowhere]},
        headers={
            "user-agent": f"noderouter/{__version__}",
            "accept": "application/json",
            "accept-encoding": "identity",
        },
    )


async def _lead_nowhere(response: "httpx.Response") -> None:
    """Take out where a redirect leads: httpx reads it even where nobody follows, and its errors are not all its own."""
    response.headers.pop("location", None)


async def send(client: "httpx.AsyncClient", request: "httpx.Request") -> "httpx.Response":
    """Send a request, and wait for the head of the response.

    httpx forgets the socket when it is cancelled during the TLS handshake, so we watch what it opens.
    """
    opened: list[Any] = []

    async def trace(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            opened.append(info["return_value"])

    request.extensions["trace"] = trace
    try:
        return await client.send(request, stream=True)
    except BaseException:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            for stream in opened:
                await stream.aclose()
        raise


async def close(response: "httpx.Response") -> None:
    """Close a response, whatever is left of it."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
        await response.aclose()


async def pump(response: "httpx.Response", take: Take) -> None:
    """Give the pieces of a body to `take`, whose exception ends it.

    A body has to end from within, by cancellation: httpx makes it of generators in generators, which are left to the
    garbage collector, connection and all, when the loop over the outermost is left.
    """
    failure: Exception | None = None
    with trio.CancelScope() as scope:
        async for piece in response.aiter_raw():
            if failure is None:
                try:
                    with trio.CancelScope(shield=True):
                        await take(piece)
                except Exception as error:
                    failure = error
                    scope.cancel()
    if failure is not None:
        raise failure


class NoAnswer(Exception):
    """A request has got no whole answer; the message says why. `connected` is whether there was a connection."""

    def __init__(self, message: str, *, connected: bool) -> None:
        super().__init__(message)
        self.connected = connected


class _TooLong(Exception):
    """Ends the reading of a body."""


async def get_once(endpoint: Endpoint, target: str, host: str, limit: int, connect_seconds: float) -> tuple[int, bytes]:
    """Send a GET on a connection of its own; return status and body. It is for the caller to bound the time.

    Args:
        endpoint: where to connect to; `server_name` is whom its certificate has to be for.
        target: path and query.
        host: the field of that name.
        limit: bytes of the body.
        connect_seconds: for connection and handshake.

    Raises:
        NoAnswer: there is none, or it is too long.
    """
    await trio.to_thread.run_sync(import_module, "httpx")
    import httpx

    body = bytearray()

    async def take(piece: bytes) -> None:
        body.extend(piece)
        if len(body) > limit:
            raise _TooLong

    client = make_client(endpoint)
    try:
        request = client.build_request(
            "GET",
            endpoint.url + target,  # by itself, one that begins with two slashes is taken for a host
            headers={"host": host},
            timeout=httpx.Timeout(None, connect=connect_seconds),
            extensions={"sni_hostname": endpoint.server_name},
        )
        response = await send(client, request)
        try:
            await pump(response, take)
        finally:
            await close(response)
        return response.status_code, bytes(body)
    except _TooLong:
        raise NoAnswer(f"the answer is longer than {limit // 1024} KB", connected=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        connected = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        raise NoAnswer(words(error), connected=connected) from error
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await client.aclose()


def words(error: BaseException) -> str:
    """An error in words: some errors of httpx have none, but were caused by one that has.

    How trio ends what takes too long says nothing: then the name of the error does.
    """
    cause: BaseException | None = error
    while cause is not None and (not str(cause) or isinstance(cause, trio.Cancelled)):
        cause = cause.__cause__ or cause.__context__
    return str(cause or type(error).__name__)
