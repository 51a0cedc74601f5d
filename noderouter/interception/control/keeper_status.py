"""The state of the connection to the keeper, as it is shown, counted and logged; each state once, when it begins."""

import re
from logging import INFO, WARNING
from time import monotonic
from typing import Final

import trio

from noderouter.core.background import Log
from noderouter.interception.control.replies import State

_NUMBERS: Final = re.compile(r"\d+")
"""Two reasons that differ in nothing else are the same state."""


class KeeperStatus:
    """The state of the connection to the keeper; `KeeperClient` reports to it what happened."""

    def __init__(self, log: Log) -> None:
        self.connected = False
        self.armed = False
        self.why = "the keeper is not connected yet"
        """Why new connections are not captured; empty while they are."""
        self.backend = ""
        self.left_out = frozenset[str]()
        """Namespaces that the keeper does not capture, whatever is sent to it."""
        self.generation = 0
        """Of the last list that was taken."""
        self.not_in_force = ""
        """Why the kernel does not follow the lists, in the keeper's words."""
        self.connects = 0
        self.disarms = 0
        self.standby = False
        """Whether only another keeper that captures is in the way."""
        self.ready_once = trio.Event()
        """Armed, or ready to be."""
        self.armed_at: float | None = None
        """When the keeper last answered that connections are captured, by the monotonic clock."""
        self._log = log
        self._logged = ""

    def __repr__(self) -> str:
        return f"<KeeperStatus {'armed' if self.armed else self.why}>"

    def joined(self, backend: str, left_out: frozenset[str]) -> None:
        """Note that the keeper accepted us as its router."""
        self.left_out = left_out
        self.connected = True
        self.connects += 1
        self.backend = backend
        self.why = "the lists were not all sent to the keeper yet"
        self._say(INFO, "intercept.connected", "connected", backend=backend)

    def lost(self, reason: str) -> None:
        """Note that there is no connection, or none any more."""
        self.connected = self.standby = False
        self._disarmed(reason, "intercept.keeper_lost")

    def closing(self) -> None:
        """Note that the keeper was told, or could not be told, that this router is about to end."""
        self.standby = False
        self._disarmed("the router is shutting down", "intercept.disarmed", INFO)

    def state(self, state: State) -> None:
        """Take in the answer to progress. Armed but not renewed is still armed: the switch runs on for a while."""
        self.standby = state.standby
        if state.standby:
            self.ready_once.set()
            self._disarmed(state.why, "intercept.standby", INFO)
            return
        if not state.armed:
            event, level = ("intercept.disarmed", WARNING) if self.armed else ("intercept.not_armed", INFO)
            self._disarmed(state.why or "the keeper does not say why", event, level)
            return
        self.armed_at = monotonic()
        self.why = state.why
        if not state.why:
            self.not_in_force = ""
        if not self.armed:
            self.armed = True
            self.ready_once.set()
            self._say(INFO, "intercept.armed", "armed")

    def applied(self, generation: int, error: str) -> None:
        """Note that the keeper has taken a list; with `error`, the kernel has not followed."""
        self.generation = generation
        if error and not self.not_in_force:
            self._log(WARNING, "intercept.not_in_force", reason=error)
        self.not_in_force = error

    def _disarmed(self, why: str, event: str, level: int = WARNING) -> None:
        self.why = why
        self.disarms += self.armed
        self.armed = False
        self._say(level, event, f"direct: {_NUMBERS.sub('#', why)}", why=why)

    def _say(self, level: int, event: str, state: str, **fields: str) -> None:
        if state != self._logged:
            self._logged = state
            self._log(level, event, **fields)
