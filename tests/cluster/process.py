"""A server process of a test: started within bounds, stopped for certain, with its log at hand.

Every process leads a group of its own and is killed by the kernel when the test run dies (PR_SET_PDEATHSIG, through
`setpriv --pdeathsig`). The kernel ties that signal to the *thread* which started the process, and threads of trio end
when they idle, so all are started by one thread that lives as long as this process.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_STARTER = ThreadPoolExecutor(1, "process-starter")

POLL_SECONDS = 0.05
TAIL_LINES = 25


class ProcessFailed(Exception):
    """A process ended, or did not get ready in time; the message has the end of its log."""


class Process:
    """One process: `start`, `stop`, `pause`, `resume`; it can be started again. Its output is appended to `log`."""

    def __init__(self, name: str, argv: Sequence[str | Path], log: Path, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = log
        self.env = env
        self._popen: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Process {self.name} {f'pid={self.pid}' if self.running else 'stopped'}>"

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        """The process' number, while it runs.

        Raises:
            ProcessFailed: it does not run.
        """
        if self._popen is None or not self.running:
            raise ProcessFailed(f"{self.name} does not run\n{self.tail()}")
        return self._popen.pid

    def start(self) -> None:
        """Start it; to know when it is ready use `wait`."""
        if self.running:
            raise ProcessFailed(f"{self.name} runs already")
        self._popen = _STARTER.submit(self._spawn).result()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self.env,
            )

    def wait(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` answers true.

        Raises:
            ProcessFailed: it ended before, or `seconds` went by.
        """
        end = time.monotonic() + seconds
        while not ready():
            if self._popen is not None and self._popen.poll() is not None:
                raise ProcessFailed(f"{self.name} ended with status {self._popen.returncode}\n{self.tail()}")
            if time.monotonic() > end:
                raise ProcessFailed(f"{self.name} was not ready within {seconds:g} s\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, grace: float = 0.0) -> None:
        """End it and its group: SIGTERM with `grace` seconds to go by itself, then SIGKILL."""
        if self._popen is None:
            return
        if self._popen.poll() is None:
            self.resume()
            if grace > 0:
                self._popen.terminate()
                try:
                    self._popen.wait(grace)
                except subprocess.TimeoutExpired:
                    pass
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait()
        self._popen = None

    def pause(self) -> None:
        """SIGSTOP: it keeps its sockets and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.log}", *lines[-TAIL_LINES:]])
