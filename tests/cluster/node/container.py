"""A container's life: started, probed, restarted after a back-off, stopped within its grace.

    waiting ──start──> running ──exit──> terminated ──back-off, if the policy says so──> running …

`changed` of the surroundings is called whenever the status is another.
"""

import json
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from tests.cluster.node import probe
from tests.cluster.node.action import Target, act, launcher
from tests.cluster.node.api import Object
from tests.cluster.node.environment import MissingSource
from tests.cluster.node.facts import UnknownField
from tests.cluster.node.security import Forbidden

FIRST_BACKOFF_SECONDS = 1.0
"""A tenth of the kubelet's, since tests wait for it."""
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""Who ran for so long is restarted without back-off."""
RETRY_SECONDS = 0.3


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container gets from its pod.

    Attributes:
        target: where probes go.
        policy: Always, OnFailure or Never.
        grace: seconds between SIGTERM and SIGKILL when a probe has failed.
        build: makes the spec for `launch.py`; may find that something is missing.
        changed: told of each change of the status.
    """

    target: Target
    policy: str
    grace: float
    build: Callable[[Object], Awaitable[dict[str, Any]]]
    changed: Callable[[], None]


class Container:
    """One container of a pod."""

    def __init__(self, spec: Object, surroundings: Surroundings) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.ready = False
        self.started = False
        self.restarts = 0
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Object = {}
        self.up = trio.Event()
        self._around = surroundings
        self._process: trio.Process | None = None
        self._stopping = False
        self._wake = trio.Event()
        self._unhealthy = trio.Event()
        self._finished: trio.Event | None = None

    def __repr__(self) -> str:
        return f"<Container {self.name} {next(iter(self.state))} restarts={self.restarts}>"

    @property
    def folder(self) -> Path:
        """Where `launch.py` finds its spec; has `pid` and `log`, too."""
        return self._around.target.folder

    @property
    def exit_code(self) -> int | None:
        """How it ended, if it has and stays so."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code

    async def run(self) -> None:
        """Run until it has ended for good."""
        self._finished = trio.Event()
        try:
            await self._run()
        finally:
            self._finished.set()

    async def _run(self) -> None:
        backoff = 0.0  # the first time at once
        while not self._stopping:
            began = trio.current_time()
            await self._run_once()
            if self._stopping or not self._again():
                return
            if trio.current_time() - began > STEADY_SECONDS:
                backoff = 0.0
            if not await self._back_off(backoff):
                return
            backoff = min(max(backoff * 2, FIRST_BACKOFF_SECONDS), LONGEST_BACKOFF_SECONDS)
            self.restarts += 1

    async def _back_off(self, seconds: float) -> bool:
        """Wait before a restart; false if told to stop meanwhile, which leaves it terminated."""
        ended = self.last_state = self.state
        if seconds > 0:
            message = f"back-off {seconds:g}s restarting failed container={self.name}"
            self._become({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
            with trio.move_on_after(seconds):
                await self._wake.wait()
        if self._stopping:
            self._become(ended)
        return not self._stopping

    def _again(self) -> bool:
        code = self.exit_code
        return self._around.policy == "Always" or (self._around.policy == "OnFailure" and code != 0)

    async def _run_once(self) -> None:
        if not await self._prepare():
            return
        log = (self.folder / "log").open("ab")
        with log:
            self._process = await trio.lowlevel.open_process(
                launcher("run", self.folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            if self._stopping:  # told while it was being started
                self._process.kill()
        started = now()
        self._unhealthy = trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._attend, started)
                nursery.start_soon(self._end_if_unhealthy)
                code = await self._process.wait()
                code = 128 - code if code < 0 else code
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                self._process.kill()
                await self._process.wait()
            (self.folder / "pid").unlink(missing_ok=True)
        self.ready = self.started = False
        reason = "Completed" if code == 0 else "StartError" if code == 128 else "Error"
        ended = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now()}
        self._become({"terminated": ended})

    async def _prepare(self) -> bool:
        """Write the spec, as soon as everything that it needs is there; false if told to stop before."""
        while not self._stopping:
            try:
                spec = await self._around.build(self.spec)
            except (MissingSource, Forbidden, UnknownField) as error:
                self._become({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
                with trio.move_on_after(RETRY_SECONDS):
                    await self._wake.wait()
                continue
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "spec.json").write_text(json.dumps(spec))
            return True
        return False

    async def _attend(self, started: str) -> None:
        """From the process' start to its end: postStart, then the probes."""
        while not (self.folder / "pid").exists():
            await trio.sleep(0.005)
        if hook := self.spec.get("lifecycle", {}).get("postStart"):
            await act(hook, self._around.target)
        self._become({"running": {"startedAt": started}})
        if startup := self.spec.get("startupProbe"):
            done = trio.Event()

            def verdict(good: bool, problem: str) -> None:
                done.set() if good else self._kill_for("startup", problem)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(probe.watch, startup, self._around.target, verdict)
                await done.wait()
                nursery.cancel_scope.cancel()
        self.started = True
        self.up.set()
        self.ready = "readinessProbe" not in self.spec
        self._around.changed()
        async with trio.open_nursery() as nursery:
            if readiness := self.spec.get("readinessProbe"):
                nursery.start_soon(probe.watch, readiness, self._around.target, self._set_ready)
            if liveness := self.spec.get("livenessProbe"):
                nursery.start_soon(
                    probe.watch, liveness, self._around.target,
                    lambda good, problem: None if good else self._kill_for("liveness", problem),
                )  # fmt: skip

    def _set_ready(self, good: bool, problem: str) -> None:
        self.ready = good
        self._note(f"readiness: {problem or 'ready'}")
        self._around.changed()

    def _kill_for(self, which: str, problem: str) -> None:
        self._note(f"{which} probe failed, killed: {problem}")
        self._unhealthy.set()

    async def _end_if_unhealthy(self) -> None:
        await self._unhealthy.wait()
        await self._end(self._around.grace)

    def _note(self, text: str) -> None:
        with (self.folder / "events").open("a") as file:
            file.write(f"{now()} {text}\n")

    async def stop(self, grace: float) -> None:
        """End it for good: preStop, SIGTERM, and SIGKILL when `grace` seconds are over."""
        self._stopping = True
        self._wake.set()
        await self._end(grace)
        if self._finished is not None:
            await self._finished.wait()

    async def _end(self, grace: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with trio.move_on_after(grace):
            if (hook := self.spec.get("lifecycle", {}).get("preStop")) and "running" in self.state:
                problem = await act(hook, self._around.target)
                self._note(f"preStop: {problem or 'done'}")
            process.terminate()
            await process.wait()
        if process.returncode is None:
            process.kill()

    def _become(self, state: Object) -> None:
        if state != self.state:
            self.state = state
            self._around.changed()
