"""The tokens that open the admin interface (`admin.token`), followed in their file, and what is derived of them.

Each line of the file is one: so a new one can come before the old one goes. The first is what this router proves to
others. Tokens are compared in constant time. What goes from node to node, or stays in a browser, is not the token but
proof of it, for one purpose and some time:

    session <until>      in the cookie of a browser, for `SESSION_SECONDS`
    summary <minute>     between the routers of nodes, who ask each other for summaries, within a minute or two
"""

import hmac
import re
from collections.abc import Callable
from hashlib import sha256
from logging import INFO, WARNING
from time import time
from typing import Final

from noderouter.admin.listen import AdminListenError
from noderouter.core.background import Log
from noderouter.naming.files.content import Content, Missing, Present, Unreadable
from noderouter.naming.files.watcher import FileWatcher

PEER_SCHEME: Final = "noderouter-peer"
"""Of `Authorization`, between routers, with `AdminToken.summary`."""
SHORTEST: Final = 16
LONGEST: Final = 1024
MOST: Final = 8
"""Tokens of a file."""
SESSION_SECONDS: Final = 12 * 3600
MINUTE: Final = 60

_FORM: Final = re.compile(rf"[!-~]{{{SHORTEST},{LONGEST}}}")
_SIGNED: Final = re.compile(r"([0-9]{1,12})[.]([0-9a-f]{64})")


class AdminTokenError(AdminListenError):
    """There is no token at the start; the message says why."""


class AdminToken:
    """The tokens of one file."""

    def __init__(self, path: str, log: Log, clock: Callable[[], float] = time) -> None:
        """Has none before `load` was called."""
        self.path = path
        self.error = ""
        """Why what is in the file now does not count; empty where it does."""
        self._log = log
        self._clock = clock
        self._tokens: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"<AdminToken {self.path} tokens={len(self._tokens)}>"

    @classmethod
    def follow(cls, path: str, files: FileWatcher, log: Log) -> "AdminToken":
        """Read the file, and follow it.

        Raises:
            AdminTokenError: there is no token in it.
        """
        token = cls(path, log)
        files.add(path, token.load)
        token.check()
        return token

    def load(self, content: Content) -> None:
        """Take in what the file watcher found; what is no token changes nothing."""
        try:
            found = _tokens(content)
        except ValueError as error:
            self.error = str(error)
            if self._tokens:
                self._log(WARNING, "admin.token_refused", file=self.path, reason=self.error)
            return
        self.error = ""
        if self._tokens and found != self._tokens:
            self._log(INFO, "admin.token_loaded", file=self.path, tokens=len(found))
        self._tokens = found

    def check(self) -> None:
        """Check that there is one.

        Raises:
            AdminTokenError: there is none.
        """
        if not self._tokens:
            raise AdminTokenError(f"admin.token: {self.path}: {self.error or 'it was not read'}")

    def matches(self, shown: str) -> bool:
        """Whether this is one of the tokens."""
        digest = sha256(shown.encode("utf-8", "surrogatepass")).digest()
        return sum(hmac.compare_digest(digest, sha256(each).digest()) for each in self._tokens) > 0

    def session(self) -> str:
        """Return proof for a browser."""
        until = int(self._clock()) + SESSION_SECONDS
        return self._sign("session", until)

    def is_session(self, shown: str) -> bool:
        """Whether that is what `session` returned, not too long ago, with a token that still counts."""
        until = self._signed("session", shown)
        return until is not None and self._clock() < until <= self._clock() + SESSION_SECONDS

    def summary(self) -> str:
        """Return proof for the router of another node."""
        return self._sign("summary", int(self._clock()) // MINUTE)

    def is_summary(self, shown: str) -> bool:
        """Whether that is what `summary` returned a moment ago, by a clock that may be a minute apart."""
        minute = self._signed("summary", shown)
        return minute is not None and abs(minute - int(self._clock()) // MINUTE) <= 1

    def _sign(self, purpose: str, number: int) -> str:
        return f"{number}.{_mac(self._tokens[0], purpose, number)}"

    def _signed(self, purpose: str, shown: str) -> int | None:
        """The number in a proof, which is good for this purpose."""
        found = _SIGNED.fullmatch(shown)
        if found is None:
            return None
        number = int(found[1])
        good = sum(hmac.compare_digest(found[2], _mac(each, purpose, number)) for each in self._tokens)
        return number if good else None


def _mac(token: bytes, purpose: str, number: int) -> str:
    return hmac.new(token, f"noderouter {purpose} {number}".encode(), sha256).hexdigest()


def read_tokens(text: str) -> tuple[bytes, ...]:
    """Return the tokens of a file.

    Raises:
        ValueError: there are none, or too many, or one is no token.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST:
        raise ValueError(f"{len(lines)} tokens, one in each line; 1 to {MOST} are expected")
    for number, line in enumerate(lines, start=1):
        if _FORM.fullmatch(line) is None:
            raise ValueError(f"token {number}: {SHORTEST} to {LONGEST} visible characters of ASCII are expected")
    return tuple(line.encode("ascii") for line in lines)


def _tokens(content: Content) -> tuple[bytes, ...]:
    match content:
        case Present(data):
            return read_tokens(data.decode("utf-8", "replace"))
        case Unreadable(reason):
            raise ValueError(f"it cannot be read: {reason}")
        case Missing():
            raise ValueError("there is no such file")
        case _:
            raise ValueError("it is a directory")
