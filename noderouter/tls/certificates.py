"""All certificates and keys of a process: which files are followed, what they are counted as, and what is wrong.

    certificates = Certificates(watcher, metrics.scope("tls"), log)
    followed = certificates.server(config.tls, "admin.tls")      # reads the files now
    ... followed.context ...                                      # by whoever opens a connection
    await certificates.run()                                      # follows them, until cancelled

A chain and its key are replaced one after the other, in a moment. So news of a file is waited for a little, and all
contexts that a change concerns are made then.
"""

import math
import ssl
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import time
from typing import Final

import trio

from noderouter.core.background import Log
from noderouter.naming.files.content import Content
from noderouter.naming.files.watcher import FileWatcher
from noderouter.telemetry.tree import Scope
from noderouter.tls.config import ClientTls, ServerTls
from noderouter.tls.context import client_context, server_context
from noderouter.tls.followed import Followed, InUse
from noderouter.tls.material import Files, Material, client_files, server_files

SETTLE_SECONDS: Final = 0.1
"""Between news of a file and a new context: the other files of a pair are on their way."""
EARLY_SECONDS: Final = 5.0
"""Between looks at the clock while a certificate is not valid yet: it is of the world's time, which may be set."""
SHOWN: Final = 80
"""Characters of a subject in `/readyz?verbose`."""


class Certificates:
    """What is followed; iterating yields it."""

    def __init__(self, watcher: FileWatcher, metrics: Scope, log: Log) -> None:
        """Follows nothing yet."""
        self._watcher = watcher
        self._metrics = metrics
        self._log = log
        self._made: dict[tuple[str, ServerTls | ClientTls, tuple[str, ...]], Followed] = {}
        self._by_path: dict[str, dict[Followed, None]] = {}
        self._changed: dict[Followed, None] = {}
        self._news = trio.Event()
        metrics.tally("reloads", lambda: sum(each.applied - 1 for each in self))
        metrics.tally("refused", lambda: sum(each.refused for each in self))

    def __iter__(self) -> Iterator[Followed]:
        return iter(self._made.values())

    def server(self, tls: ServerTls, owner: str, alpn: Sequence[str] = ()) -> Followed:
        """Follow the files of a server, which speaks the protocols `alpn`; `owner` is its place in the configuration.

        Raises:
            TlsFilesError: a file is missing or broken, or they do not fit together.
        """
        return self._follow(owner, tls, tuple(alpn), server_files(tls), partial(_server, tls, tuple(alpn)))

    def client(self, tls: ClientTls, owner: str, alpn: Sequence[str] = ()) -> Followed:
        """Follow the files of a client; else as `server`. One that is asked for again is the same."""
        return self._follow(owner, tls, tuple(alpn), client_files(tls), partial(_client, tls, tuple(alpn)))

    async def run(self) -> None:
        """Make new contexts of files that change, until cancelled."""
        while True:
            early = [each for each in self if each.begins is not None]
            with trio.move_on_after(EARLY_SECONDS if early else math.inf):
                await self._news.wait()
                await trio.sleep(SETTLE_SECONDS)
                self._news = trio.Event()
            changed, self._changed = dict.fromkeys([*self._changed, *early]), {}
            for followed in changed:
                followed.refresh()
                await trio.lowlevel.checkpoint()
            self._gauges()

    def lines(self) -> Iterator[str]:
        """Yield for `/readyz?verbose` what is wrong with each, or when the first of its certificates ends."""
        for followed in self:
            if followed.error is not None:
                yield f"tls {followed.owner}: refused: {followed.error}; the last good files are in effect"
            elif followed.in_use:
                first = min(followed.in_use, key=lambda each: each.said.ends)
                yield f"tls {followed.owner}: {first.said.subject[:SHOWN]} {ending(first.said.ends, time())}"

    def _follow(
        self,
        owner: str,
        tls: ServerTls | ClientTls,
        alpn: tuple[str, ...],
        files: Files,
        make: Callable[[Material], ssl.SSLContext],
    ) -> Followed:
        key = (owner, tls, alpn)
        followed = self._made.get(key)
        if followed is not None:
            return followed
        followed = Followed(owner, files, make, self._log)
        for path in files:
            self._watcher.add(path, partial(self._found, followed, path))
        followed.begin()
        self._made[key] = followed
        self._gauges()
        return followed

    def _found(self, followed: Followed, path: str, content: Content) -> None:
        followed.material.found[path] = content
        if followed in self._made.values():
            self._changed[followed] = None
            self._news.set()

    def _gauges(self) -> None:
        """Have a gauge for every file with certificates in use: seconds until the first of those ends."""
        first: dict[str, InUse] = {}
        for followed in self:
            for each in followed.in_use:
                first[each.path] = each
        for path, used in first.items():
            ends = used.said.ends
            self._metrics.scope("files", path).gauge("expires_s", partial(_left, ends))
            self._metrics.scope("files", path).gauge("refused_now", partial(self._refused_now, path))

    def _refused_now(self, path: str) -> int:
        return int(any(each.error is not None and path in each.material.files for each in self))


def _server(tls: ServerTls, alpn: tuple[str, ...], material: Material) -> ssl.SSLContext:
    return server_context(tls, material, alpn)


def _client(tls: ClientTls, alpn: tuple[str, ...], material: Material) -> ssl.SSLContext:
    return client_context(tls, material, alpn)


def _left(ends: float) -> float:
    return ends - time()


def ending(ends: float, now: float) -> str:
    """Say when a certificate ends, in days or hours."""
    left = ends - now
    if left < 0:
        return f"ended {-left / 86400:.1f} days ago"
    return f"ends in {left / 86400:.0f} days" if left > 2 * 86400 else f"ends in {left / 3600:.1f} h"
