"""A server process on its own core: start it, watch it come up, measure it, stop it.

Each one leads its own process group, which `stop` ends as a whole; so workers never outlive their master.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import procfs
from benchmarks.topology import LOOPBACK

ROOT = Path(__file__).resolve().parent.parent
POLL_S = 0.002
START_LIMIT_S = 20.0
STOP_LIMIT_S = 10.0


class StartError(Exception):
    """A server did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request whose 200 says that something is up."""

    port: int
    path: str
    host: str

    def __call__(self) -> bool:
        """Ask once; any refusal or other status is a no."""
        text = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as peer:
                peer.sendall(text.encode())
                return peer.recv(4096).split(b" ", 2)[1:2] == [b"200"]
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Startup:
    """Seconds from exec to: ready by its own account, and the first request served by a backend."""

    ready_s: float
    served_s: float


class Process:
    """A running server, pinned; a context manager that stops it."""

    def __init__(self, command: list[str], core: int, log: Path) -> None:
        """Start `command` on `core`, with its output in `log`."""
        self.log = log
        self.started = time.perf_counter()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        # Programs of this package are found wherever they start.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (environment.get("PYTHONPATH"), str(ROOT))))
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=log.parent,
                start_new_session=True,
            )

    def __repr__(self) -> str:
        return f"<Process {self.pid} {'up' if self.alive else 'ended'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The pid of the process group's leader."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs. Does not reap it: its number stays its own until `stop`."""
        if self._popen.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def await_startup(self, ready: Callable[[], bool], served: Callable[[], bool]) -> Startup:
        """Ask until both say yes.

        Raises:
            StartError: it ended, or took longer than the limit.
        """
        ready_s = served_s = None
        while ready_s is None or served_s is None:
            elapsed = time.perf_counter() - self.started
            if not self.alive or elapsed > START_LIMIT_S:
                raise StartError(f"{'not up in time' if self.alive else 'ended at start'}: {self.tail()}")
            if ready_s is None and ready():
                ready_s = time.perf_counter() - self.started
            if served_s is None and served():
                served_s = time.perf_counter() - self.started
            time.sleep(POLL_S)
        return Startup(ready_s, served_s)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:].strip() or "no output"

    def cpu(self) -> procfs.Cpu:
        """CPU of its whole tree so far."""
        return procfs.cpu(self.pid)

    def rss_mb(self) -> float:
        """Resident memory of its whole tree."""
        return procfs.rss_mb(procfs.tree(self.pid))

    def stop(self) -> None:
        """Ask it to end, then insist; nothing of its group is left. Once stopped, nothing more happens."""
        if self._popen.returncode is not None:
            return
        deadline = time.perf_counter() + STOP_LIMIT_S
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
        while self.alive and time.perf_counter() < deadline:
            time.sleep(POLL_S)
        os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
