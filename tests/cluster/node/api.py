"""The harness' own client of the API: requests, and informers that list and watch.

It shares nothing with noderouter's, which is what the tests are about. An outage stops nothing: a request that matters
is tried until it is answered, an informer lists again.
"""

import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import httpx
import trio

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""

RETRY_SECONDS = 0.5
WATCH_SECONDS = 300
MERGE_PATCH = "application/merge-patch+json"


class Gone(Exception):
    """A watch cannot go on from where it was: list again."""


class Api:
    """The API as administrator."""

    def __init__(self, url: str, verify: ssl.SSLContext) -> None:
        limits = httpx.Limits(max_connections=None)
        timeout = httpx.Timeout(30, read=None)
        self._client = httpx.AsyncClient(base_url=url, verify=verify, limits=limits, timeout=timeout, trust_env=False)

    async def request(self, method: str, path: str, body: Object | None = None) -> httpx.Response:
        """Ask once; any status is an answer.

        Raises:
            httpx.TransportError: no answer.
        """
        patching = {"content-type": MERGE_PATCH} if method == "PATCH" else {"content-type": "application/json"}
        content = None if body is None else json.dumps(body)
        return await self._client.request(method, path, content=content, headers=patching)

    async def insist(self, method: str, path: str, body: Object | None = None) -> httpx.Response:
        """Ask until the API server answers: anything but a 5xx or 429."""
        while True:
            try:
                answer = await self.request(method, path, body)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
            except httpx.TransportError:
                pass
            await trio.sleep(RETRY_SECONDS)

    async def watch(self, path: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        """The events after a version, until the server ends the watch.

        Raises:
            Gone: the version is too old.
            httpx.TransportError: the connection broke.
        """
        query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={quote(version)}"
        async with self._client.stream("GET", path + query) as answer:
            if answer.status_code != 200:
                raise Gone(f"{path}: status {answer.status_code}")
            async for line in answer.aiter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Gone(f"{path}: {event['object']}")
                yield event["type"], event["object"]


def key_of(obj: Object) -> Key:
    """What an object is kept under."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Informer:
    """A copy of a collection that follows it.

    `changed(old, new)` is called, without being awaited, for each difference: `old` is None for a new object, `new` is
    None for one that is gone. What happened during an outage is seen as the difference between before and after.
    """

    def __init__(self, api: Api, path: str) -> None:
        self.objects: dict[Key, Object] = {}
        self.listed = trio.Event()
        self._api = api
        self._path = path
        self._listeners: list[Callable[[Object | None, Object | None], None]] = []

    def __repr__(self) -> str:
        return f"<Informer {self._path} {len(self.objects)} objects>"

    def subscribe(self, changed: Callable[[Object | None, Object | None], None]) -> None:
        """Have `changed` called from now on."""
        self._listeners.append(changed)

    def get(self, namespace: str, name: str) -> Object | None:
        """The object as last seen."""
        return self.objects.get((namespace, name))

    async def run(self) -> None:
        """List and watch for ever."""
        while True:
            try:
                version = await self._list()
                self.listed.set()
                while True:
                    version = await self._follow(version)
            except (httpx.TransportError, Gone, json.JSONDecodeError):
                await trio.sleep(RETRY_SECONDS)

    async def _list(self) -> str:
        answer = await self._api.insist("GET", self._path)
        if answer.status_code != 200:
            raise Gone(f"{self._path}: {answer.text}")
        found = answer.json()
        now = {key_of(obj): obj for obj in found["items"]}
        for key in [key for key in self.objects if key not in now]:
            self._put(key, None)
        for key, obj in now.items():
            self._put(key, obj)
        version: str = found["metadata"]["resourceVersion"]
        return version

    async def _follow(self, version: str) -> str:
        async for kind, obj in self._api.watch(self._path, version):
            version = obj["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                self._put(key_of(obj), None if kind == "DELETED" else obj)
        return version

    def _put(self, key: Key, new: Object | None) -> None:
        old = self.objects.get(key)
        if old is not None and new is not None:
            if old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]:
                return
            if old["metadata"]["uid"] != new["metadata"]["uid"]:
                self._put(key, None)  # deleted and made again while nobody looked
                old = None
        if new is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = new
        for changed in self._listeners:
            changed(old, new)
