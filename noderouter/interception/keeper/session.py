"""One connection to the keeper: lines in, lines out, and who may say what.

The first `hello` makes the connection the router's; there is one router at a time. Without it only `status` is
answered.
"""

import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import assert_never

from noderouter.interception.keeper.errors import StateError
from noderouter.interception.keeper.keeper import Keeper
from noderouter.interception.keeper.protocol import (
    MAX_LINE_BYTES,
    Disarm,
    Hello,
    Message,
    Pods,
    Progress,
    Services,
    StatusRequest,
    decode,
    encode,
)
from noderouter.interception.keeper.state import ALIVE_MS

MAX_UNREAD_BYTES = 65536
"""Answers that a peer has not read; beyond that it is let go of."""


class Session:
    """One connected peer and its buffers; `KeeperProcess` owns and closes it."""

    def __init__(
        self,
        sock: socket.socket,
        keeper: Keeper,
        *,
        follows_file: bool,
        claim: Callable[[], bool],
        hand_over: Callable[[], bool],
    ) -> None:
        """`claim` returns whether there is no other router; with `follows_file`, lists come from a file instead.

        `hand_over` leaves the rules to a successor where one is good, and answers whether it was so.
        """
        self.sock = sock
        self.router = ""
        """The instance of a router; empty for any other peer."""
        self.out = b""
        self._in = bytearray()
        self._keeper = keeper
        self._follows_file = follows_file
        self._claim = claim
        self._hand_over = hand_over

    def receive(self) -> bool:
        """Read once and answer complete messages; return False when the session is over."""
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        self._in += data
        while (end := self._in.find(b"\n")) >= 0:
            line = bytes(self._in[:end])
            del self._in[: end + 1]
            if not self._answer(line):
                return False
        if len(self._in) > MAX_LINE_BYTES:
            self._refuse(f"a message has more than {MAX_LINE_BYTES} bytes")
            return False
        return self.flush()

    def flush(self) -> bool:
        """Send what is due; return False when the peer does not read or has gone."""
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            return len(self.out) <= MAX_UNREAD_BYTES
        except OSError:
            return False
        return True

    def _answer(self, line: bytes) -> bool:
        try:
            message = decode(line)
            self.out += self._reply(message)
        except StateError as error:
            self._refuse(str(error))
            return False
        return True

    def _refuse(self, why: str) -> None:
        self.out += encode("error", {"message": why})
        self.flush()

    def _reply(self, message: Message) -> bytes:
        keeper = self._keeper
        match message:
            case StatusRequest():
                return encode("status", status(keeper))
            case Hello(instance):
                if self.router or not self._claim():
                    raise StateError("another router is connected")
                self.router = instance
                left_out = sorted(keeper.policy.exclusions.namespaces)
                return encode("welcome", {"backend": keeper.backend.name, "aliveMs": ALIVE_MS, "leftOut": left_out})
        if not self.router:
            raise StateError("the first message has to be `hello`")
        match message:
            case Pods() | Services():
                if self._follows_file:
                    raise StateError("the lists come from a file here (--state)")
                wrong = keeper.pods(message) if isinstance(message, Pods) else keeper.services(message)
                fields = {"what": type(message).__name__.lower(), "generation": message.generation}
                return encode("applied", {**fields, **({"error": wrong} if wrong else {})})
            case Progress():
                why = keeper.progress(message)
                return encode("state", {"armed": keeper.armed, "standby": keeper.standby is not None, "why": why})
            case Disarm():
                if self._hand_over():
                    return encode("disarmed", {"handedOver": True})
                wrong = keeper.disarm("the router is about to drain")
                return encode("disarmed", {"error": wrong} if wrong else {})
            case _:
                assert_never(message)


def status(keeper: Keeper) -> dict[str, object]:
    """Return the status of a keeper."""
    return {
        "backend": keeper.backend.name,
        "owner": keeper.owner,
        "armed": keeper.armed,
        "standby": keeper.standby is not None,
        "why": keeper.why,
        "failureMode": keeper.policy.failure_mode.value,
        "scope": keeper.policy.scope.value,
        "pods": keeper.rules.pods,
        "services": keeper.rules.services,
        "captured": keeper.captured(),
        **asdict(keeper.counts),
    }
