"""Requests to one API server: the only user of httpx.

One client for everything. HTTP/1.1: each watch has a connection to itself, other requests share a few. A dead peer is
noticed by TCP (keep-alive, TCP_USER_TIMEOUT) within half a minute, a silent one by the read timeout of the watch.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from random import random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from noderouter.kubernetes.access import Access
from noderouter.kubernetes.credentials import Endpoint, credentials
from noderouter.kubernetes.errors import ApiError, MalformedAnswer
from noderouter.kubernetes.http import Take, close, make_client, pump, send, words
from noderouter.kubernetes.timing import Timing

if TYPE_CHECKING:
    import httpx

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The longest answer that is read; a page of a list is far below."""
MAX_REASON_BYTES: Final = 4096
RESPITE: Final = 0.5
"""The least wait for an API that did not answer, and as much again at random; other requests wait for it, too."""
MERGE_PATCH: Final = "application/merge-patch+json"

COMMAND_TIMING: Final = Timing(connect=3.0, answer=10.0)
"""How patient a command is with the API: somebody waits for it."""

Query = Mapping[str, str]
T = TypeVar("T")


class Api:
    """One API server, as one identity."""

    def __init__(self, access: Access, timing: Timing, fields: Mapping[str, str] | None = None) -> None:
        """Opens nothing yet; `fields` are further header fields of each request."""
        self._fields = dict(fields or {})
        self.access = access
        self._timing = timing
        self._credentials = credentials(access)
        self._client: httpx.AsyncClient | None = None
        self._endpoint: Endpoint | None = None
        self._opening = trio.Lock()
        self._closed = False
        self._answered = trio.Event()

    def __repr__(self) -> str:
        return f"<Api {self.access}>"

    @property
    def url(self) -> str | None:
        """The URL; None until the first request has found it out."""
        return None if self._endpoint is None else self._endpoint.url

    async def get(self, path: str, query: Query | None = None) -> bytes:
        """Send a GET; return the body.

        Raises:
            ApiError: it failed, in whatever way.
        """
        return await self._whole("GET", path, query or {}, None, None)

    async def send(
        self, method: str, path: str, body: Mapping[str, Any], content_type: str = "application/json"
    ) -> Any:
        """Send a request with a JSON body; return the object in the response.

        Raises:
            ApiError: it failed, in whatever way.
        """
        answer = await self._whole(method, path, {}, json.dumps(body).encode(), content_type)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise MalformedAnswer(f"the answer to {method} {path} is not JSON") from error

    async def watch(self, path: str, query: Query, opened: Callable[[], None], take: Take) -> None:
        """Open a watch and give its bytes to `take`, to its end; call `opened` once it is accepted.

        Raises:
            ApiError: it failed, in whatever way, or `take` raised one: that ends it.
        """
        async with self._request("GET", path, query, read=self._timing.silence) as response:
            opened()
            await pump(response, take)

    async def pause(self, seconds: float, error: ApiError | None) -> None:
        """Wait before a request is tried again.

        Where there was no answer, the wait is over a moment after another request gets one: the API is back.
        """
        with trio.move_on_after(seconds):
            await trio.sleep(RESPITE * (1 + random()))
            if error is not None and not error.status:
                await self._answered.wait()
            else:
                await trio.sleep_forever()

    async def close(self) -> None:
        """Close all connections, for good."""
        self._closed = True
        await self._drop_client()

    async def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _whole(self, method: str, path: str, query: Query, body: bytes | None, content_type: str | None) -> bytes:
        seconds = 4 * self._timing.answer
        pieces: list[bytes] = []
        size = 0

        async def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise MalformedAnswer(f"the answer to {method} {path} is longer than {MAX_BODY_BYTES} bytes")
            pieces.append(piece)

        with trio.move_on_after(seconds):
            async with self._request(method, path, query, body=body, content_type=content_type) as response:
                await pump(response, take)
                return b"".join(pieces)
        raise ApiError(f"the answer to {method} {path} took longer than {seconds:g} s")

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        query: Query,
        *,
        read: float | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> "AsyncIterator[httpx.Response]":
        """Send a request; yield its response if that is a good one. Retry once with fresh credentials after a 401."""
        client, endpoint = await self._ready()
        import httpx

        timing = self._timing
        timeout = httpx.Timeout(timing.answer, connect=timing.connect, read=read or timing.answer)
        headers = {"content-type": content_type} if content_type else {}
        extensions = {"sni_hostname": endpoint.server_name} if endpoint.server_name else None
        try:
            for anew in (False, True):
                fields = {**self._fields, **headers, **await self._credentials.headers(anew=anew)}
                request = client.build_request(
                    method, path, params=query, content=body, headers=fields, timeout=timeout, extensions=extensions
                )
                if client.is_closed:
                    raise ApiError("the connections were closed, to be opened anew")
                response = await send(client, request)
                try:
                    if response.status_code == 401 and not anew:
                        continue
                    if response.status_code >= 300:
                        raise await _refusal(response, method, path)
                    bell, self._answered = self._answered, trio.Event()
                    bell.set()
                    yield response
                    return
                finally:
                    await close(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if _is_certificate(error):
                await self._drop_client()  # the CA may have been rotated: read it again
            raise ApiError(f"{method} {endpoint.url}{path}: {words(error)}") from error

    async def _ready(self) -> "tuple[httpx.AsyncClient, Endpoint]":
        """Return the client, made for the first request; httpx is imported then."""
        async with self._opening:
            if self._closed:
                raise ApiError("we are shutting down")
            if self._client is None or self._endpoint is None:
                endpoint = await self._credentials.endpoint()
                await trio.to_thread.run_sync(import_module, "httpx")
                self._endpoint = endpoint
                self._client = make_client(endpoint)
            return self._client, self._endpoint


def run_once(access: Access, ask: Callable[[Api], Awaitable[T]]) -> T:
    """Run `ask` in a loop of its own, for a command that does nothing else; return what it returns.

    Raises:
        ApiError: whatever it raised.
    """

    async def run() -> T:
        api = Api(access, COMMAND_TIMING)
        try:
            return await ask(api)
        finally:
            await api.close()

    return trio.run(run)


class _Enough(Exception):
    """Ends the reading of a body whose rest is not needed."""


async def _refusal(response: "httpx.Response", method: str, path: str) -> ApiError:
    """Return the error for a response that is none of the good ones, in the API's own words where it has any."""
    body = bytearray()

    async def take(piece: bytes) -> None:
        body.extend(piece)
        if len(body) > MAX_REASON_BYTES:
            raise _Enough

    try:
        await pump(response, take)
    except _Enough:
        pass
    try:
        message = json.loads(body).get("message")
    except (ValueError, AttributeError):
        message = None
    words = message if isinstance(message, str) and message else body.decode("utf-8", "replace").strip()
    words = words[:MAX_REASON_BYTES]
    reason = f"{method} {path}: {response.status_code} {response.reason_phrase}" + (f": {words}" if words else "")
    after = response.headers.get("retry-after", "")
    return ApiError(reason, status=response.status_code, retry_after=float(after) if after.isdecimal() else None)


def _is_certificate(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
