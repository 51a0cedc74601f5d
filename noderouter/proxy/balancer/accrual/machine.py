"""When an endpoint is left out of the draw: one state machine, whatever the policy.

Rules

1. Alive until the policy *trips*; then Dead for the next backoff.
2. When that has passed, the node is open for exactly one request, the probe. While the probe is on its way
   the node is closed again.
3. The first report after the probe began decides: success makes the node Alive and resets backoff and policy,
   failure makes it Dead for the next, longer backoff. A probe that ends without a verdict (its client left)
   is abandoned: the node is open for one request again.
4. While it is Dead, reports belong to requests from before and are not counted. The exception: if all nodes are
   Dead the balancer fails open, and the success of a request that was sent all the same makes the node Alive. So
   after an outage of everything they come back with the traffic, not one by one as their backoffs pass.

Theory of operation: the state *is* one float, `opens_at`, so that a balancer asks with one comparison and no
timer has to run.

    ========== ================== ==========================
    state      opens_at           available(now)
    ========== ================== ==========================
    Alive      0.0                yes
    Dead       a time to come     no
    ProbeOpen  a time that passed yes, for whoever probes
    ProbeClosed infinity          no
    ========== ================== ==========================
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final

from noderouter.proxy.retry.backoff import Backoff, Constant

SHORTEST_PAUSE = 0.001
"""Seconds; a backoff of 0 must not look like Alive."""


class State(Enum):
    """What the machine is in; for `repr` and statistics, never asked on the hot path."""

    ALIVE = "alive"
    DEAD = "dead"
    PROBE_OPEN = "probe open"
    PROBE_CLOSED = "probing"


class Accrual:
    """The machine of one node, as it is without any policy: it never trips.

    A policy overrides `success`, `trips` and `forget`; its `success` calls `revive` where `opens_at` is not 0.
    """

    __slots__ = ("_backoff", "_due", "_forced", "opens_at", "probes", "removals", "removed_for_ms", "revivals")

    def __init__(self, backoff: Backoff) -> None:
        """`backoff` belongs to this node alone."""
        self._backoff = backoff
        self._due = 0.0
        self._forced = False
        """Since it is Dead, a request was sent to it nevertheless."""
        self.opens_at = 0.0
        """0.0 while Alive; else the time from which one probe is let through (infinite while one is out)."""
        self.removals = 0
        self.revivals = 0
        self.probes = 0
        self.removed_for_ms = 0
        """The sum of all backoffs that were entered."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} opens_at={self.opens_at:g} removals={self.removals}>"

    def state(self, now: float) -> State:
        """The state by its name."""
        if self.opens_at == 0.0:
            return State.ALIVE
        if self.opens_at == inf:
            return State.PROBE_CLOSED
        return State.PROBE_OPEN if self.opens_at <= now else State.DEAD

    def available(self, now: float) -> bool:
        """Whether a request may be sent. Balancers compare `opens_at` themselves."""
        return self.opens_at <= now

    def probe(self, now: float) -> bool:
        """Note that a request begins (needed only while not Alive); answer whether it is the probe.

        Whoever sends a probe owes one report: `success`, `failure` or `abandon`.
        """
        if self.opens_at > now:
            self._forced = True
            return False
        if self.opens_at == 0.0:
            return False
        self.opens_at = inf
        self.probes += 1
        return True

    def success(self, now: float) -> None:
        """A request succeeded."""
        if self.opens_at:
            self.revive()

    def failure(self, now: float) -> None:
        """A request failed, by the verdict of the response classifier, or no connection came about."""
        if self.opens_at == inf or (self.opens_at == 0.0 and self.trips(now)):
            self._die(now)

    def abandon(self, now: float) -> None:
        """The probe ended without a verdict; the next request probes again."""
        if self.opens_at == inf:
            self.opens_at = self._due

    def trips(self, now: float) -> bool:
        """Count a failure of a node that is Alive; answer whether that is one too many."""
        return False

    def forget(self) -> None:
        """Forget what was counted."""

    def revive(self) -> None:
        """A success while not Alive: back to Alive, if it can be that of a request that began since."""
        if self.opens_at == inf or self._forced:
            self.opens_at = 0.0
            self._forced = False
            self.revivals += 1
            self._backoff.reset()
            self.forget()

    def _die(self, now: float) -> None:
        pause = max(self._backoff.next(), SHORTEST_PAUSE)
        self._due = self.opens_at = now + pause
        self._forced = False
        self.removals += 1
        self.removed_for_ms += round(pause * 1000)


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters of several machines, summed."""

    removals: int = 0
    revivals: int = 0
    probes: int = 0
    removed_for_ms: int = 0

    def plus(self, machines: Iterable[Accrual]) -> "Counts":
        """These and those of `machines`."""
        every: tuple[Counts | Accrual, ...] = (self, *machines)
        return Counts(
            sum(each.removals for each in every),
            sum(each.revivals for each in every),
            sum(each.probes for each in every),
            sum(each.removed_for_ms for each in every),
        )


NO_ACCRUAL: Final = Accrual(Constant(0.0))
"""Never trips, so it has no state of its own and all nodes without accrual share it."""

AccrualFactory = Callable[[], Accrual]
"""Makes the machine of one node."""
