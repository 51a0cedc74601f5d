"""The life-cycle of the rules, as a state machine without sockets: told what happened, it changes the kernel.

    installed ──(lists complete, progress good)──> armed ──(progress good)──> armed, renewed
        ▲                                            │
        └── not ready, disarm, router gone: at once ─┤
        └── silence, no progress: the kernel lets the switch expire

Rules of operation:

- Rules are installed as soon as the lock is ours, so that what a node lacks is said at once; they capture nothing until
  armed. Before that (a predecessor still holds the lock) everything is followed but nothing written; taking over is
  then one transaction, armed if the router is ready, and no reason to end for if it fails.
- A change that failed leaves doubt about what is in force: the switch is thrown, and not renewed until the whole state
  has been written again, which is tried every `RETRY_SECONDS`.
- A router that is about to end, or has ended, while a successor's keeper waits whose router is good, costs no capture:
  the rules are handed over as they are, armed, and renewed by the successor.
- Rules of a predecessor that refuse where there is no router stay until the lists are known: rules without pods in
  their place would let everything through.
- Drift, whoever made it, is repaired by writing the whole state, and counted. What is in force is compared with what
  was there after the last change of ours: so that is looked at, too, for somebody may have been as quick as that
  (kube-proxy puts its jump first, a firewall is loaded anew), and that must not pass for ours.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.errors import InterceptError, Undone
from noderouter.interception.keeper.health_gate import judge
from noderouter.interception.keeper.log import Log
from noderouter.interception.keeper.pod_links import PodLinks
from noderouter.interception.keeper.protocol import Pods, Progress, Services
from noderouter.interception.keeper.rules.ruleset import Ruleset, ruleset
from noderouter.interception.keeper.state import ALIVE_MS, Policy, Wanted

RETRY_SECONDS: Final = 1.0
WRITES: Final = 3
"""Writes in a row, while another program undoes them at once; then after a pause."""

RENEW_SECONDS: Final = 0.4
"""The switch is not renewed more often, however often the router reports."""

STANDBY: Final = "another keeper captures for its router; this one takes over when that ends"

ASK_SECONDS: Final = 1.0
"""The kernel is not asked for its counters more often, however often they are requested."""


@dataclass(slots=True)
class Counts:
    """Counters of events since the start."""

    drift: int = 0
    renewals: int = 0
    refusals: int = 0
    """Times that progress was not good enough."""
    failures: int = 0
    """Changes that the kernel or a command refused."""
    generation: int = 0
    """Changes of rules that were put in force."""


class Keeper:
    """Owns the rules of one network namespace, through one backend."""

    def __init__(
        self,
        policy: Policy,
        backend: Backend,
        log: Log,
        *,
        pod_links: PodLinks | None = None,
        clock: Callable[[], float] = time.monotonic,
        rehearse: Callable[[], None] = lambda: None,
    ) -> None:
        """`rehearse` tries to write rules here, or raises `InterceptError`; for a successor, before it is good."""
        self.policy = policy
        self.backend = backend
        self.counts = Counts()
        self.why = "no router has connected yet"
        self._log = log
        self._pod_links = pod_links or PodLinks()
        self._clock = clock
        self._rehearse = rehearse
        self._rehearse_at: float | None = 0.0
        """Not before that; None when it has gone well."""
        self._trouble = ""
        """Why it has not."""
        self._wanted = Wanted()
        self._missing = {"pods", "services"}
        self._rules = ruleset(policy, self._wanted)
        self._installed = False
        self._kept = False
        """Whether a predecessor's rules are left in force for now, which refuse."""
        self._snapshot = ""
        self._captured = (0, 0)
        """By rules that have been replaced since; by those in force, when last asked."""
        self._asked = -ASK_SECONDS
        self._armed_until = 0.0
        self._renewed = 0.0
        self._retry_at: float | None = None

    @property
    def armed(self) -> bool:
        """Whether new connections are captured now, by rules that are this keeper's."""
        return self._installed and self._good

    @property
    def standby(self) -> float | None:
        """Until when this keeper could take over and capture at once, by its clock; None where it could not."""
        return self._armed_until if self._good and not self._installed else None

    @property
    def _good(self) -> bool:
        """Whether the router was good enough a moment ago."""
        return self._clock() < self._armed_until

    @property
    def owner(self) -> bool:
        """Whether the rules of this node are this keeper's."""
        return self._installed

    @property
    def rules(self) -> Ruleset:
        """What should be in force."""
        return self._rules

    def install(self, *, retry: bool = False) -> None:
        """Put the rules in force in place of whatever a predecessor left, armed if the router is good already.

        With `retry`, what cannot be written is tried again, as any later change is.

        Raises:
            InterceptError: this node cannot have them; nothing is left half-done.
        """
        if self._may_refuse(retry):
            self._kept = True
            self._log.info("intercept.kept", why="it refuses, and the router has not sent its lists yet")
            return
        try:
            self._apply()
        except InterceptError as error:
            if not (retry or isinstance(error, Undone)):  # what others do may end, and is no reason to end for
                raise
            self._failed("write the rules", error)
        self._installed = True

    def captured(self) -> int:
        """Return how many connections were captured; those between the last look and a reload are not known."""
        before, last = self._captured
        if self._clock() - self._asked < ASK_SECONDS:
            return before + last
        self._asked = self._clock()
        try:
            now = self.backend.captured()
        except InterceptError:
            return before + last
        self._captured = (before + last, now) if now < last else (before, now)
        return sum(self._captured)

    def pods(self, message: Pods) -> str:
        """Capture these pods and no others; return what went wrong, or nothing."""
        self._pod_links.follow(message.pods)
        self._missing.discard("pods")
        return self._want(replace(self._wanted, pods=message.pods))

    def services(self, message: Services) -> str:
        """Capture these destinations; return what went wrong, or nothing."""
        self._missing.discard("services")
        return self._want(replace(self._wanted, services=message.services, never=message.never))

    def progress(self, progress: Progress) -> str:
        """Renew the switch if the router is healthy enough; return why not, or nothing."""
        self.why = (
            f"waiting for the list of {' and '.join(sorted(self._missing))}" if self._missing else judge(progress)
        )
        if not self.why and self._retry_at is not None:
            self.why = "the rules could not be written; see the log"
        if self.why:
            self.counts.refusals += 1
            if progress.not_ready or self._missing:
                self._disarm(self.why)
            return self.why
        now = self._clock()
        if now - self._renewed >= RENEW_SECONDS:
            self._arm(now)
        return self.why

    def disarm(self, why: str) -> str:
        """Stop capturing new connections, now; return what went wrong, or nothing."""
        self.why = why
        return self._disarm(why)

    def hand_over(self) -> None:
        """Leave the rules to a successor: they stay as they are, and this keeper looks after them no more."""
        self._log.info("intercept.handed_over")
        self._installed = self._kept = False
        self._armed_until = self._renewed = 0.0
        self._retry_at = None
        self.why = "a successor captures"

    def router_gone(self, why: str, *, keep_lists: bool) -> None:
        """Disarm, since the router's connection has ended; drop its lists unless `keep_lists`."""
        self.disarm(why)
        if not keep_lists:
            self._missing = {"pods", "services"}

    def tick(self) -> None:
        """Retry what could not be written, when that is due."""
        if self._retry_at is not None and self._clock() >= self._retry_at:
            self._write()

    def reconcile(self) -> bool:
        """Compare what is in force with what should be, and repair it; return whether there was a difference."""
        if self._pod_links.refresh():
            self._want(self._wanted)
        if self._retry_at is not None or not self._installed:
            return False
        self.captured()
        try:
            if not self._drifted():
                return False
        except InterceptError as error:
            self._failed("look at the rules", error)
            return False
        self._write()
        return True

    def stop(self, *, leave: bool, inherited: bool = False) -> None:
        """End; `leave` keeps the rules in force for a successor. With `failureMode: closed` they stay as well.

        `inherited` says that a predecessor has left its rules to this keeper, which has not taken them over.
        """
        if not (self._installed or inherited):
            return
        if leave:
            self.hand_over()
            return
        self.disarm("the keeper has ended")
        if not self._rules.closed:
            try:
                self.backend.remove()
                self._log.info("intercept.removed")
            except InterceptError as error:
                self._failed("remove the rules", error)

    def _may_refuse(self, retry: bool) -> bool:
        """Whether there may be rules that refuse, while nobody knows yet what ours would have to refuse."""
        try:
            return self._rules.closed and bool(self._missing and self.backend.snapshot())
        except InterceptError:
            if not retry:
                raise
            return True

    def _want(self, wanted: Wanted) -> str:
        """Have the kernel follow; in doubt, nothing is captured."""
        self._wanted = wanted
        new = ruleset(self.policy, wanted, self._pod_links.links)
        old, self._rules = self._rules, new
        if self._kept and not self._missing:
            self._kept, self._installed = False, True
            return self._write()
        if self._retry_at is not None:
            return self._write()
        if new == old or not self._installed:
            return ""
        try:
            self.backend.change(old, new, self._left_ms())
            intact = self._in_force()
        except InterceptError as error:
            return self._rewrite("change the rules", error)
        return "" if intact else self._write()

    def _rewrite(self, doing: str, error: InterceptError) -> str:
        """Write the whole state after a change failed that should work: the rules are probably not what we left."""
        self._log.warning("intercept.unexpected", doing=doing, error=str(error))
        with suppress(InterceptError):  # whatever it is, writing will say
            self._drifted()
        return self._write()

    def _drifted(self) -> bool:
        """Whether what is in force differs from what we left; counts it."""
        found = self.backend.snapshot()
        if found == self._snapshot:
            return False
        self._drift(found)
        return True

    def _drift(self, found: str) -> None:
        self.counts.drift += 1
        self._log.warning("intercept.drift", backend=self.backend.name, missing=not found, count=self.counts.drift)

    def _write(self) -> str:
        try:
            self._apply()
        except InterceptError as error:
            return self._failed("write the rules", error)
        return ""

    def _apply(self) -> None:
        """Write the whole state.

        Raises:
            InterceptError: it is not in force.
        """
        for _ in range(WRITES):
            self.backend.apply(self._rules, self._left_ms())
            if self._in_force():
                return
        raise Undone(
            "another program removes our rules, or puts others first, as soon as they are written: look for what "
            "else on this node loads or keeps firewall rules"
        )

    def _in_force(self) -> bool:
        """Read back what was written, for later comparison; return whether it is what was meant."""
        found = self.backend.snapshot()
        if not self.backend.intact(self._rules, found):
            self._drift(found)
            return False
        self._snapshot = found
        self._retry_at = None
        self.counts.generation += 1
        return True

    def _arm(self, now: float) -> None:
        fresh = not self.armed
        try:
            self._renew()
        except InterceptError as error:
            self.why = self._failed("renew the switch", error)
            return
        if not (self._installed or self._could_write()):
            return
        # Taken after the command: believing longer than the kernel does is the safe side.
        self._renewed, self._armed_until = now, self._clock() + ALIVE_MS / 1000
        if not self._installed:
            self.why = STANDBY
            return
        self.counts.renewals += 1
        if fresh:
            self._log.info("intercept.armed", pods=self._rules.pods, services=self._rules.services)

    def _renew(self) -> None:
        if not self._installed:
            return
        try:
            self.backend.arm(self._rules, ALIVE_MS)
        except InterceptError as error:
            if self._rewrite("renew the switch", error):
                raise
            self.backend.arm(self._rules, ALIVE_MS)

    def _could_write(self) -> bool:
        """Whether this keeper could take over; asked before another keeper gives the rules away."""
        if self._rehearse_at is None:
            return True
        if self._clock() >= self._rehearse_at:
            try:
                self._rehearse()
            except InterceptError as error:
                self.counts.failures += 1
                self._rehearse_at = self._clock() + RETRY_SECONDS
                self._trouble = f"cannot take over: {error}"
                self._log.warning("intercept.failed", doing="write rules as a trial", error=str(error))
            else:
                self._rehearse_at = None
                return True
        self.why = self._trouble
        return False

    def _disarm(self, why: str) -> str:
        if not self._good:
            return ""
        self._armed_until = self._renewed = 0.0
        self._log.info("intercept.disarmed", why=why)
        try:
            if self._installed:
                self.backend.disarm(self._rules)
        except InterceptError as error:
            return self._failed("throw the switch", error)
        return ""

    def _left_ms(self) -> int:
        """Return how much longer the switch is on; writing the rules must not prolong it."""
        return max(0, int((self._armed_until - self._clock()) * 1000))

    def _failed(self, what: str, error: InterceptError) -> str:
        self.counts.failures += 1
        self._retry_at = self._clock() + RETRY_SECONDS
        self._log.warning("intercept.failed", doing=what, error=str(error))
        if self._good:
            self._armed_until = 0.0
            with suppress(InterceptError):  # it expires by itself
                self.backend.disarm(self._rules)
        return f"cannot {what}: {error}"
