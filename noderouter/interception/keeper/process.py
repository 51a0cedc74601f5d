"""The privileged process: one thread, one selector; signals, the socket, the timer and changes of rules wake it.

    waiting for the lock ──> installed ──> … ──> SIGTERM: disarm, remove (or leave to a successor), release the lock
             └── SIGTERM: remove what was left to it and not taken over yet

It listens from the start, so that a router can tell its lists while a predecessor still holds the lock. That one gives
it up when its own router ends and the one here is good: from `installed` back to `waiting`.
"""

import os
import selectors
import signal
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from noderouter.interception.keeper.backend.detect import remove_others
from noderouter.interception.keeper.backend.nft_monitor import NftMonitor
from noderouter.interception.keeper.errors import InterceptError, StateError
from noderouter.interception.keeper.keeper import Keeper
from noderouter.interception.keeper.lock import Lock
from noderouter.interception.keeper.log import Log
from noderouter.interception.keeper.protocol import Pods, Services
from noderouter.interception.keeper.rules.nftables import TABLE
from noderouter.interception.keeper.session import Session
from noderouter.interception.keeper.state import ALIVE_MS
from noderouter.interception.keeper.state_file import StateFile

MAX_PEERS: Final = 8
TURN_SECONDS: Final = 0.2
RECONCILE_SECONDS: Final = 10.0
LEGACY_RECONCILE_SECONDS: Final = 2.0
"""iptables-legacy does not report changes."""
SETTLE_SECONDS: Final = 0.5
"""How long after a change the rules are looked at: changes come in bursts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths, allowed users and periods of the process."""

    socket: Path
    lock: Path
    allowed_uids: frozenset[int]
    state: Path | None = None
    reconcile_seconds: float | None = None


class KeeperProcess:
    """Runs a keeper until SIGTERM or SIGINT."""

    def __init__(self, keeper: Keeper, settings: Settings, log: Log) -> None:
        self._keeper = keeper
        self._settings = settings
        self._log = log
        self._lock = Lock(settings.lock)
        self._selector = selectors.DefaultSelector()
        self._peers: set[Session] = set()
        self._stopping = False
        self._owner = False
        self._monitor: NftMonitor | None = None
        self._wanted = True
        """Whether the rules are asked for, good router or not: not from handing them over to the next hello."""
        self._starting = True
        """Whether the lock was not asked for yet. What a node lacks is found out at once, and ends the keeper."""
        self._owned_at = 0.0
        self._file = StateFile(settings.state) if settings.state else None
        legacy = keeper.backend.name == "iptables-legacy"
        self._period = settings.reconcile_seconds or (LEGACY_RECONCILE_SECONDS if legacy else RECONCILE_SECONDS)
        self._reconcile_at = 0.0

    def run(self) -> None:
        """Serve to the end.

        Raises:
            InterceptError: the socket, the lock or the rules cannot be had.
        """
        wakeup, woken = socket.socketpair()
        for sock in (wakeup, woken):
            sock.setblocking(False)
        before = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        self._selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(64))
        try:
            with _listening(self._settings.socket) as listener:
                self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
                self._turns()
        finally:
            self._end()
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            wakeup.close()
            woken.close()

    def _turns(self) -> None:
        while not self._stopping:
            if not self._owner and (self._wanted or self._keeper.standby is not None):
                self._take_over()
            elif not self._owner:
                self._lock.close()  # who would not take over must not be in the place of one who would
            elif not self._keeper.armed and time.monotonic() - self._owned_at > ALIVE_MS / 1000:
                self._hand_over()  # to who could capture; whose router is not good has no use for them
            for key, _ in self._selector.select(TURN_SECONDS):
                key.data()
            self._follow_file()
            self._keeper.tick()
            if self._owner and time.monotonic() >= self._reconcile_at:
                self._keeper.reconcile()
                self._reconcile_at = time.monotonic() + self._period

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    def _hand_over(self) -> bool:
        """Leave the rules to a successor whose router is ready, if one waits; return whether one did."""
        if not self._lock.hand_over():
            return False
        self._keeper.hand_over()
        self._owner = False
        self._unsubscribe()
        self._reconcile_at = 0.0
        self._wanted = False
        return True

    def _take_over(self) -> None:
        starting, self._starting = self._starting, False
        if not self._lock.acquire():
            if (until := self._keeper.standby) is not None:
                self._lock.ready(until)
            if not self._reconcile_at:
                self._log.info("intercept.waiting", holder=self._lock.holder())
                self._reconcile_at = time.monotonic()
            return
        self._keeper.install(retry=not starting)  # a predecessor has left its rules to us: nobody else repairs them
        self._owner, self._owned_at = True, time.monotonic()
        self._reconcile_at = time.monotonic() + self._period
        self._log.info("intercept.installed", backend=self._keeper.backend.name)
        if self._keeper.owner:
            self._remove_others()
        self._subscribe()

    def _remove_others(self) -> None:
        """Remove what a killed predecessor with another --mode has left: it is inert, and nobody else removes it."""
        try:
            left = remove_others(self._keeper.backend)
        except InterceptError as error:
            self._log.warning("intercept.failed", doing="remove what another --mode has left", error=str(error))
            return
        if left:
            self._log.info("intercept.removed", backends=left, why="another --mode has left it")

    def _subscribe(self) -> None:
        name = self._keeper.backend.name
        if name == "iptables-legacy":
            return
        tables = frozenset({TABLE}) if name == "nftables" else frozenset({"nat", "filter"})
        try:
            changes = NftMonitor(tables)
        except OSError as error:
            self._log.warning("intercept.no_events", error=error.strerror, reconciling_every=self._period)
            return
        self._monitor = changes
        self._selector.register(changes, selectors.EVENT_READ, lambda: self._changed(changes))

    def _unsubscribe(self) -> None:
        if self._monitor is not None:
            self._selector.unregister(self._monitor)
            self._monitor.close()
            self._monitor = None

    def _changed(self, changes: NftMonitor) -> None:
        if changes.happened():
            self._reconcile_at = min(self._reconcile_at, time.monotonic() + SETTLE_SECONDS)

    def _follow_file(self) -> None:
        if self._file is None:
            return
        try:
            wanted = self._file.changed()
        except StateError as error:
            self._log.warning("intercept.state_refused", error=str(error))
            return
        if wanted is not None:
            self._keeper.services(Services(0, wanted.services, wanted.never))
            self._keeper.pods(Pods(0, wanted.pods))

    def _accept(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            sock, _ = listener.accept()
            sock.setblocking(False)
            uid = peer_uid(sock)
            if uid not in self._settings.allowed_uids or len(self._peers) >= MAX_PEERS:
                self._log.warning("intercept.peer_refused", uid=uid, peers=len(self._peers))
                sock.close()
                return
            peer = Session(
                sock,
                self._keeper,
                follows_file=self._file is not None,
                claim=self._claim,
                hand_over=self._hand_over,
            )
            self._peers.add(peer)
            self._selector.register(sock, selectors.EVENT_READ, lambda: self._hear(peer))

    def _claim(self) -> bool:
        """Whether a router that sends `hello` is the only one."""
        if any(peer.router for peer in self._peers):
            return False
        self._wanted = True
        return True

    def _hear(self, peer: Session) -> None:
        if peer.receive():
            return
        self._selector.unregister(peer.sock)
        peer.sock.close()
        self._peers.discard(peer)
        if peer.router:
            self._log.info("intercept.router_gone", instance=peer.router)
            self._hand_over()
            self._keeper.router_gone("the router has gone", keep_lists=self._file is not None)

    def _end(self) -> None:
        inherited = self._stopping and self._lock.inherit()
        leave = self._stopping and self._lock.hand_over()
        self._keeper.stop(leave=leave, inherited=inherited)
        if inherited and not leave and not self._keeper.rules.closed:
            self._remove_others()
        self._unsubscribe()
        for peer in self._peers:
            peer.sock.close()
        self._selector.close()
        self._lock.close()


def peer_uid(sock: socket.socket) -> int:
    """Return the user at the other end of a unix socket."""
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


class _listening:
    """The listening socket; its file goes with it, if it is still ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._made: tuple[int, int] | None = None

    def __enter__(self) -> socket.socket:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            with suppress(FileNotFoundError):
                made.unlink()
            self._sock.bind(str(made))
            # Anybody may knock; who may say something is decided by the uid that the kernel tells.
            os.chmod(made, 0o666)
            self._sock.listen(MAX_PEERS)
            # In place of what a killed predecessor may have left; whoever sees the file can connect.
            os.replace(made, self._path)
            self._made = self._identity()
        except OSError as error:
            self._sock.close()
            raise InterceptError(
                f"cannot listen at {self._path}: {error.strerror or error}; choose another place with --socket"
            ) from error
        return self._sock

    def __exit__(self, *_: object) -> None:
        self._sock.close()
        with suppress(OSError):
            if self._identity() == self._made:
                self._path.unlink()

    def _identity(self) -> tuple[int, int]:
        info = os.stat(self._path)
        return info.st_dev, info.st_ino
