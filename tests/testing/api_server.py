"""A fake Kubernetes API on a real socket: lists, watches, writes, and faults when a test asks for them.

It is for what the real API server does not do on demand. The contract tests (`tests/noderouter/kubernetes/contract`)
run against both, so that it stays like the real one where it matters.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import trio

from noderouter.kubernetes.access import Plain
from tests.testing.api_faults import Faults
from tests.testing.api_store import Object, Store, line, selector

Json = dict[str, Any]


class ApiServer:
    """Serves `store`, as `faults` say. `requests` are the lines of all requests so far."""

    def __init__(self) -> None:
        self.store = Store()
        self.faults = Faults()
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.watches: set[trio.CancelScope] = set()
        self.connections = 0
        self.most_connections = 0
        self.port = 0
        self.served = {"v1", "discovery.k8s.io/v1"}
        self._changed = trio.Event()
        self._accepting: trio.CancelScope | None = None
        self.store.changed = self.ring
        self.faults.changed = self.ring

    @property
    def access(self) -> Plain:
        """How to reach it."""
        return Plain("127.0.0.1", self.port)

    def watching(self, words: str = "") -> list[str]:
        """The requests for watches so far, those that contain `words`."""
        return [each for each in self.requests if "watch=true" in each and words in each]

    def listing(self, words: str = "") -> list[str]:
        """The requests for lists so far, those that contain `words`."""
        return [each for each in self.requests if each.startswith("GET") and "watch=true" not in each and words in each]

    def ring(self) -> None:
        """Wake all watches."""
        bell, self._changed = self._changed, trio.Event()
        bell.set()

    def cut(self) -> None:
        """End all watches, rudely."""
        for scope in list(self.watches):
            scope.cancel()

    def away(self) -> None:
        """Be gone: nothing listens, all connections break. `run` on the same port brings it back."""
        assert self._accepting is not None
        self._accepting.cancel()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `away`, or cancelled."""
        with trio.CancelScope() as self._accepting:
            listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
            self.port = listeners[0].socket.getsockname()[1]
            await trio.serve_listeners(self._serve, listeners, task_status=task_status)

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.most_connections = max(self.most_connections, self.connections)
        try:
            async with stream:
                buffer = b""
                while True:
                    while b"\r\n\r\n" not in buffer:
                        if not (data := await stream.receive_some(65536)):
                            raise trio.ClosedResourceError
                        buffer += data
                    head, _, buffer = buffer.partition(b"\r\n\r\n")
                    first, *rest = head.decode("latin-1").split("\r\n")
                    fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
                    length = int(fields.get("content-length", "0"))
                    while len(buffer) < length:
                        buffer += await stream.receive_some(65536)
                    body, buffer = buffer[:length], buffer[length:]
                    self.headers.append(fields)
                    await self._answer(stream, first, body)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.connections -= 1

    async def _answer(self, stream: trio.SocketStream, first: str, body: bytes) -> None:
        method, target, _ = first.split(" ")
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        self.requests.append(f"{method} {url.path}?" + "&".join(f"{key}={value}" for key, value in query.items()))
        fault = self.faults.refusal(self.requests[-1])
        if fault is not None:
            await _send(stream, fault.status, fault.body, fault.fields)
            return
        place = self._place(url.path)
        if place is None:
            await _send(stream, 404, b"404 page not found\n", {"content-type": "text/plain"})
        elif method == "GET" and query.get("watch") == "true":
            await self._watch(stream, place, query)
        elif method == "GET":
            await trio.sleep(self.faults.slow_list)
            await _send(stream, *self._read(place, query))
        else:
            await _send(stream, *self._write(method, place, body))

    def _place(self, path: str) -> tuple[str, str, str] | None:
        """Plural, namespace and name; None where nothing is served."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        size = 2 if parts[0] == "api" else 3
        if "/".join(parts[1:size]) not in self.served:
            return None
        rest = parts[size:]
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        return (*rest, "", "")[0], namespace, (*rest, "", "")[1]

    # Reading

    def _read(self, place: tuple[str, str, str], query: Json) -> tuple[int, bytes]:
        plural, namespace, name = place
        if not plural:
            return 200, json.dumps({"kind": "APIResourceList", "resources": []}).encode()
        if name:
            thing = self.store.get(plural, name, namespace)
            return (200, json.dumps(thing).encode()) if thing else (404, _status(404, f'{plural} "{name}" not found'))
        things = self.store.matching(plural, selector(namespace, query))
        start = int(query.get("continue", "0"))
        limit = int(query.get("limit", "0")) or len(things)
        metadata = {"resourceVersion": str(self.store.version)}
        if start + limit < len(things):
            metadata["continue"] = str(start + limit)
        page = {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": things[start : start + limit]}
        return 200, json.dumps(page, separators=(",", ":")).encode() + b"\n"

    # Watching

    async def _watch(self, stream: trio.SocketStream, place: tuple[str, str, str], query: Json) -> None:
        version = int(query["resourceVersion"])
        if version < self.store.compacted and not self.faults.gone_as_event:
            await _send(stream, 410, _status(410, f"too old resource version: {version}"))
            return
        await stream.send_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        with trio.CancelScope() as scope:
            scope.deadline = trio.current_time() + float(query["timeoutSeconds"])
            self.watches.add(scope)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._leave, stream, scope)
                    await self._stream(stream, place, query, version)
                    nursery.cancel_scope.cancel()
            finally:
                self.watches.discard(scope)
        if scope.cancelled_caught and trio.current_time() < scope.deadline:
            await stream.aclose()  # rudely
            return
        await stream.send_all(b"0\r\n\r\n")

    async def _leave(self, stream: trio.SocketStream, scope: trio.CancelScope) -> None:
        """End with the client."""
        try:
            await stream.receive_some(1)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()

    async def _stream(self, stream: trio.SocketStream, place: tuple[str, str, str], query: Json, version: int) -> None:
        plural, namespace, _ = place
        matches = selector(namespace, query)
        faults = self.faults
        seen = len(faults.injected)
        if version < self.store.compacted:
            await _chunk(stream, line("ERROR", json.loads(_status(410, "too old resource version"))))
            return
        silent_since = trio.current_time()
        while True:
            bell = self._changed
            if not faults.half_open:
                data, version = self._news(plural, matches, version)
                data += b"".join(faults.injected[seen:])
                seen = len(faults.injected)
                for piece in faults.pieces(data):
                    await _chunk(stream, piece)
                if data:
                    silent_since = trio.current_time()
                if data and faults.cut_after_event:
                    await stream.aclose()
                    return
            with trio.move_on_at(silent_since + faults.bookmark_every) as waiting:
                await bell.wait()
            if waiting.cancelled_caught and not faults.half_open and query.get("allowWatchBookmarks") == "true":
                await _chunk(stream, line("BOOKMARK", {"metadata": {"resourceVersion": str(version)}}))
            if waiting.cancelled_caught:
                silent_since = trio.current_time()

    def _news(self, plural: str, matches: Any, version: int) -> tuple[bytes, int]:
        """The events after `version`, and the version that everything is known up to then."""
        data = b""
        for change in self.store.since(version, plural):
            event = change.seen_by(matches)
            if event is not None:
                data += line(*event)
        return data, max(version, self.store.version)

    # Writing

    def _write(self, method: str, place: tuple[str, str, str], body: bytes) -> tuple[int, bytes]:
        plural, namespace, name = place
        given = json.loads(body or b"{}")
        if method == "POST":
            given["metadata"].setdefault("namespace", namespace)
            if self.store.get(plural, given["metadata"]["name"], namespace):
                return 409, _status(409, "already exists")
            return 201, json.dumps(self.store.put(plural, given)).encode()
        old = self.store.get(plural, name, namespace)
        if old is None:
            return 404, _status(404, f'{plural} "{name}" not found')
        if method == "DELETE":
            self.store.delete(plural, name, namespace)
            return 200, _status(200, "")
        if method == "PATCH":
            version = old["metadata"]["resourceVersion"]
            if given.get("metadata", {}).get("resourceVersion", version) != version:
                return 409, _status(409, "the object has been modified")
            given = merged(old, given)
        given["metadata"].setdefault("namespace", namespace)
        return 200, json.dumps(self.store.put(plural, given)).encode()


def merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result: Object = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _status(code: int, message: str) -> bytes:
    reason = {410: "Expired", 404: "NotFound", 403: "Forbidden", 409: "AlreadyExists"}.get(code, "")
    status = "Success" if code < 300 else "Failure"
    return json.dumps(
        {"kind": "Status", "apiVersion": "v1", "status": status, "message": message, "reason": reason, "code": code}
    ).encode()


async def _send(stream: trio.SocketStream, status: int, body: bytes, fields: dict[str, str] | None = None) -> None:
    lines = [f"HTTP/1.1 {status} {'OK' if status < 300 else 'No'}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in ({"content-type": "application/json"} | (fields or {})).items()]
    await stream.send_all("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def _chunk(stream: trio.SocketStream, data: bytes) -> None:
    if data:
        await stream.send_all(b"%x\r\n%b\r\n" % (len(data), data))


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    """A running server."""
    server = ApiServer()
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield server
        nursery.cancel_scope.cancel()
