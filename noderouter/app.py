"""The composition root: from a checked configuration to a running router, and down again.

    nursery     what runs in it                                          is cancelled when
    ---------   ------------------------------------------------------   ---------------------------------------
    hosting     the reactor                                              names and watches have ended
    naming      files, DNS, watches of Kubernetes; what last-good        connections have drained, and routers
                dtabs and Events wait to write                           have closed their clients
    serving     signals, sweep, admin, control lag, guard, memory,       connections have drained, or the grace
                windows of metrics, yielding a port, interception        period is over

SIGTERM, SIGINT and `/admin/shutdown` set `stopping`; `run` itself then disarms, drains and cancels from the inside out:
accepting ends first, then connections drain, then upstream connections close, then watches, then the reactor.
"""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path as FilePath
from time import monotonic
from typing import Any

import trio

from noderouter import memory
from noderouter.admin.listen import open_socket, open_unix
from noderouter.admin.server import ALPN as ADMIN_ALPN
from noderouter.admin.server import serve_admin
from noderouter.config.config import Config
from noderouter.control_plane import ControlPlane
from noderouter.core.background import Pace
from noderouter.line_queue import farewell
from noderouter.reactor import host
from noderouter.telemetry import log
from noderouter.telemetry.process import listed, watch_log, watch_process
from noderouter.telemetry.tree import MetricsTree
from noderouter.telemetry.window import turn_windows
from noderouter.worker import Worker

ADMIN_SECONDS = 3.0
"""How long answers of the admin interface may take to end, at the very end."""
SWEEP_SECONDS = 0.5
"""How often idle connections and removed endpoints are looked for."""
FLUSH_SECONDS, FLUSH_LIMIT = 1.0, 5.0
"""How long spans may take to get to their collector: at least, and at most, of what is left of the grace."""
UNWIND_SECONDS = 1.0
"""How long connections may take to end once they are cut off."""

_log = log.get("noderouter")


class App:
    """One router process: `run` it once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = MetricsTree(config.metrics.maxNames)
        self.stopping = trio.Event()
        self.worker = Worker(config, self.metrics, log_event)
        self.control = ControlPlane(config, self.metrics, self.worker, self.stopping, log_event)
        self.lag = host.Lag()
        self._admin_stop = trio.Event()
        self._admin_ended = trio.Event()

    # Life-cycle

    async def run(self, on_ready: Callable[["App"], None] = lambda _app: None) -> None:
        """Serve until told to stop, then drain. `on_ready` is called when requests are accepted.

        Raises:
            ListenError, AdminListenError: an address cannot be listened on; nothing is left open.
            TlsFilesError: certificates or keys are missing, or are none.
        """
        servers, control = self.worker.servers, self.control
        try:
            async with trio.open_nursery() as hosting:
                if not await hosting.start(host.run, self.worker.reactor):
                    _log.warning(
                        "reactor.behind_trio", trio=trio.__version__, hint="install trio as in requirements.lock"
                    )
                async with trio.open_nursery() as naming:
                    self._assemble(naming)
                    self._bind()
                    self.control.arm()
                    async with trio.open_nursery() as serving:
                        await serving.start(self._watch_signals)  # who sees us listen may tell us to end
                        self._start(serving)
                        memory.settle()
                        await servers.open(control.missing_to_succeed, self.stopping)
                        serving.start_soon(servers.yield_while, control.missing_to_succeed)
                        on_ready(self)
                        await self.stopping.wait()
                        told = monotonic()
                        if control.interception is not None:
                            await control.interception.disarm()
                        await self._drain(told)
                        serving.cancel_scope.cancel()
                    self.worker.close()
                    naming.cancel_scope.cancel()
                hosting.cancel_scope.cancel()
        finally:
            self.worker.reactor.close()
        _log.info("router.stopped")

    def _assemble(self, naming: trio.Nursery) -> None:
        """Build namers, interpreters and routers; their watches run in `naming`."""
        control = self.control
        control.begin(naming.start_soon)
        self.worker.assemble(
            control.interpreters,
            control.ourselves,
            control.index,
            control.clients,
            control.observers,
            control.certificates,
            control.key_sources.open,
            control.authorizer,
            control.limits,
        )

    def _bind(self) -> None:
        """Bind every server before the first request is accepted, so that a port in use stops the start."""
        admin, probes = self.config.admin, self.config.admin.probes
        shared = admin.socketOptions.reusePort
        with ExitStack() as bound:
            bound.callback(self.worker.servers.close)
            self.worker.bind()
            self._admin_socket = bound.enter_context(open_socket(admin.ip, admin.port, shared=shared))
            self._probes = []
            if probes is not None:
                self._probes.append(open_socket(probes.ip, probes.port, "admin.probes", shared=shared))
                bound.enter_context(self._probes[0])
                if probes.socket is not None:
                    self._probes.append(bound.enter_context(open_unix(FilePath(probes.socket))))
            tls = admin.tls
            self._admin_tls = None if tls is None else self.control.certificates.server(tls, "admin", ADMIN_ALPN)
            ports = self.control.ourselves.ports
            ports.update(each.getsockname()[1] for each in (self._admin_socket, *self._probes[:1]))
            bound.pop_all()

    def _start(self, serving: trio.Nursery) -> None:
        """Start what runs beside the data path."""
        guard, interception = self.worker.guard, self.control.interception
        watch_process(self.metrics, guard.memory_limit)
        self.worker.gauges()
        watch_log(self.metrics, self.config.log.maxQueueKB * 1024)
        self.metrics.gauge("reactor/control_lag_ms", lambda: self.lag.take() * 1000)
        serving.start_soon(self._sweep)
        serving.start_soon(self.lag.watch)
        serving.start_soon(guard.watch)
        serving.start_soon(memory.keep_settled)
        serving.start_soon(memory.keep_trimmed)
        serving.start_soon(listed.keep)
        serving.start_soon(turn_windows, self.metrics, self.worker.turn_edges)
        serving.start_soon(self.control.follow_edits)
        serving.start_soon(self._serve_admin)
        if interception is not None:
            serving.start_soon(interception.run)

    async def _drain(self, told: float) -> None:
        """Let requests in progress end, up to the grace period since we were `told` to end (monotonic)."""
        servers = self.worker.servers
        await servers.hand_over()
        grace = max(0.0, told + self.config.admin.shutdownGraceMs / 1000 - monotonic())
        servers.drain()
        _log.info("router.draining", grace_seconds=grace, connections=servers.connections())
        with trio.move_on_after(grace) as scope:
            await servers.empty()
        if scope.cancelled_caught:
            _log.warning("router.drain_deadline", connections=servers.connections())
            servers.abort()
            with trio.move_on_after(UNWIND_SECONDS):
                await servers.empty()
        left = told + self.config.admin.shutdownGraceMs / 1000 - monotonic()
        await self.control.exports.flush(min(max(left, FLUSH_SECONDS), FLUSH_LIMIT))
        self._admin_stop.set()
        with trio.move_on_after(ADMIN_SECONDS):
            await self._admin_ended.wait()

    async def _serve_admin(self) -> None:
        try:
            state = self.control.admin_state()
            await serve_admin(self._admin_socket, state, self._admin_stop, probes=self._probes, tls=self._admin_tls)
        finally:
            self._admin_ended.set()

    async def _watch_signals(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """SIGTERM and SIGINT drain; a second one ends the process at once.

        A first one after `/admin/shutdown` changes nothing: that is what the kubelet sends behind a preStop hook.
        """
        seen = 0
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                seen += 1
                if seen > 1:
                    _log.warning("router.killed", signal=signal.Signals(number).name)
                    farewell(0.2)
                    os._exit(128 + number)
                _log.info("router.stopping", signal=signal.Signals(number).name)
                self.stopping.set()

    async def _sweep(self) -> None:
        """Housekeeping of all routers, off the data path."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = monotonic()
            pace = Pace()
            for steps in self.worker.sweep(now):
                for _ in steps:
                    if pace.due():
                        await pace.rest()
            self.control.sweep()


def log_event(level: int, event: str, /, **fields: Any) -> None:
    """Write one event of a part that does not know how logs are made."""
    _log.log(level, event, **fields)
