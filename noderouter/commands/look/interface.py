"""The admin interface of one router, asked directly or through the API server; and what is said where that fails."""

import json
from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Final

from noderouter.admin.gate import TOKEN_FIELD
from noderouter.admin.token import read_tokens
from noderouter.commands.look.output import LookError, one_line
from noderouter.kubernetes.access import Plain, bracketed
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.http import Take
from noderouter.kubernetes.timing import Timing

PORT: Final = 9990
TIMING: Final = Timing(connect=3.0, answer=35.0, silence=3700.0)
"""Routers answer within 30 s, or say that they cannot; streams may be silent until they end after an hour."""
LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes of one line of a stream."""
WORDS: Final = 400
"""Characters of an error."""

_HINTS: Final = {
    413: "; it takes 64 KB at most",
    421: "; ask by an address, or list that name in its `admin.hosts`",
}
_DIRECT: Final = {
    401: "; it wants the token of its `admin.token`: --token-file",
    403: "; it refuses this: see `admin.security`",
    404: "; is its group switched off by `admin.security`, or is the router older than this command?",
}
_PROXIED: Final = {
    401: "; are the credentials good (any more), and the token of its `admin.token` (--token-file)?",
    403: "; the right to get (for whatif: create) pods/proxy there is needed, and for --node and --all to list pods",
    404: "; is the pod gone, its group switched off by `admin.security`, or the router older than this command?",
    500: "; does its admin interface listen on the pod's address (`admin.ip`)?",
    502: "; does its admin interface listen on the pod's address (`admin.ip`)?",
    503: "; on the pod's loopback (`admin.ip`, the chart's default) only `kubectl port-forward` and --admin reach it",
}

Query = Mapping[str, str]


class Interface:
    """One router's admin interface. `node` is empty where only an address is known."""

    def __init__(self, api: Api, prefix: str = "", node: str = "") -> None:
        """`prefix` is what stands before each path: that of the API server's proxy to a pod."""
        self.node = node
        self._api = api
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"<Interface {self.where}>"

    @property
    def where(self) -> str:
        """What is asked, for messages."""
        return f"node {self.node}" if self.node else str(self._api.access)

    async def page(self, path: str, query: Query) -> str:
        """Return a view as a page of text.

        Raises:
            LookError: it cannot be had.
        """
        page = (await self._get(path, {**query, "as": "text"})).decode("utf-8", "replace")
        if not page.startswith("noderouter "):
            raise self.stranger(path)
        # Behind a proxy the addresses of its last lines, which lead on, are not those that anybody could ask.
        return without_links(page) if self._prefix else page.rstrip("\n")

    async def text(self, path: str, query: Query, begins: str) -> str:
        """Return another text, which has to begin so.

        Raises:
            LookError: it cannot be had.
        """
        found = (await self._get(path, query)).decode("utf-8", "replace")
        if not found.startswith(begins):
            raise self.stranger(path)
        return found.rstrip("\n")

    async def data(self, path: str, most: int) -> bytes:
        """Return an answer of so many bytes at most.

        Raises:
            LookError: it cannot be had.
        """
        found = await self._get(path, {})
        if len(found) > most:
            raise self.stranger(path)
        return found

    async def view(self, path: str, query: Query) -> dict[str, Any]:
        """Return a view as an object.

        Raises:
            LookError: it cannot be had.
        """
        try:
            found = json.loads(await self._get(path, {**query, "as": "json"}))
        except (ValueError, RecursionError):
            raise self.stranger(path) from None
        if not isinstance(found, dict):
            raise self.stranger(path)
        return found

    async def send(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST an object; return the object of the answer.

        Raises:
            LookError: it cannot be had.
        """
        try:
            return await self._api.send("POST", self._prefix + path, body)
        except ApiError as error:
            raise self._failed(path, error) from error

    async def stream(self, path: str, query: Query, take: Take) -> None:
        """Give the lines of an answer to `take`, each as it comes, without its end.

        Raises:
            LookError: it cannot be had, or breaks off.
        """
        rest = bytearray()

        async def split(piece: bytes) -> None:
            rest.extend(piece)
            *lines, last = bytes(rest).split(b"\n")
            rest[:] = last
            if len(rest) > LONGEST_LINE:
                raise self.stranger(path)
            for line in lines:
                await take(line)

        try:
            await self._api.watch(self._prefix + path, query, lambda: None, split)
        except ApiError as error:
            raise self._failed(path, error) from error

    def stranger(self, path: str) -> LookError:
        """Return the error for an answer that no noderouter gives."""
        return LookError(f"{self.where}{path}: what answers there is no noderouter, or one of another version")

    async def _get(self, path: str, query: Query) -> bytes:
        try:
            return await self._api.get(self._prefix + path, query)
        except ApiError as error:
            raise self._failed(path, error) from error

    def _failed(self, path: str, error: ApiError) -> LookError:
        hints = _HINTS | (_PROXIED if self._prefix else _DIRECT)
        hint = hints.get(error.status, "")
        if self._prefix and "tls: certificate required" in error.reason:
            hint = "; it wants certificates of clients, which the API server has none of: --admin with --cert-file"
        if not error.status and not self._prefix and type(error.__cause__).__name__ == "ConnectError":
            hint = "; is a router running, and its admin interface there (--admin HOST:PORT, `kubectl port-forward`)?"
        elif type(error.__cause__).__name__ == "RemoteProtocolError":
            hint = "; what answers there is no noderouter, or has just ended"
        return LookError(f"{self.where}: {one_line(error.reason)[:WORDS]}{hint}")


def without_links(page: str) -> str:
    """Return a page without the commands below its last rule."""
    lines = page.rstrip("\n").split("\n")
    while lines[-1].startswith("curl "):
        lines.pop()
    if set(lines[-1]) in ({"─"}, {"-"}):
        lines.pop()
    return "\n".join(lines).rstrip("\n")


def token_field(path: str | None) -> dict[str, str]:
    """Return the field that shows the token in a file; none without a file.

    Not `Authorization`: that is for the API server, where one asks through it.

    Raises:
        LookError: there is no token in it.
    """
    if not path:
        return {}
    try:
        tokens = read_tokens(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise LookError(f"--token-file {path}: {error}") from None
    return {TOKEN_FIELD: tokens[0].decode("ascii")}


def _is_host(host: str) -> bool:
    """Return whether it is an address, or a name of which the system's resolver can be asked."""
    try:
        if ":" in host:
            return bool(IPv6Address(host))
        return bool(host.encode("idna")) and host.isprintable() and not set(host) & set("/@?#[] ")
    except ValueError:
        return False


def plain(text: str, trust: str | None = None, shown: str | None = None, key: str | None = None) -> Plain:
    """Return the address of an admin interface: `host:port`, perhaps behind `http://` or `https://`; its port is 9990.

    The other arguments are files: whom to trust, which certificate to show, and its key.

    Raises:
        LookError: it is none.
    """
    tls = text.startswith("https://")
    authority = text.removeprefix("https://" if tls else "http://").rstrip("/")
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):  # an IPv6 address has colons, and stands in brackets
        host, port = authority, str(PORT)
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    known = _is_host(host) and bracketed(host) in authority
    if "://" in authority or not known or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise LookError(
            f"--admin {text!r}: must be HOST:PORT, such as 127.0.0.1:9990 or [::1]:9990, or https://HOST:PORT"
        )
    if not tls:
        return Plain(host, int(port))
    return Plain(host, int(port), tls, trust, shown, key)
