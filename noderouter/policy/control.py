"""Policies in the control plane: followed, compiled and handed to the data plane; counted, logged and kept for a while.

    text changes        compiled, and in force with the next request; what is open as bytes is judged again at once
    pods change         the same
    twice a second      what was judged becomes counters, log lines and `Recent`

All of it in short steps: it runs in the thread of the data path.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from logging import INFO, WARNING
from time import monotonic
from typing import Any, Final

import trio

from noderouter.core.background import Log, Pace, aside
from noderouter.core.readiness import Readiness
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.gauges import StoredGauges
from noderouter.naming.stored.text import Language
from noderouter.policy.authorizer import OTHER, Authorizer, Count
from noderouter.policy.compile import Compiled
from noderouter.policy.follower.kind import PolicyKind
from noderouter.policy.model import Policies
from noderouter.policy.pods import PodWatch
from noderouter.policy.recent import MINUTES, Recent
from noderouter.policy.whatif import what_if
from noderouter.policy.workloads import NOBODY, Known
from noderouter.telemetry.tree import Scope

LOOK_SECONDS: Final = 0.5
EXPIRE_LOOKS: Final = 60
"""After so many looks, rows that are too old are dropped."""
MOST_LOGGED: Final = 20
"""Lines for what policies matched, each time."""
MOST_MEASURED: Final = 1_000
"""Policies, sources and destinations that metrics tell apart; more are counted as `other`."""
KEY: Final = "policies"


class PolicyControl:
    """Everything of policies that no request runs through."""

    def __init__(
        self,
        config: PolicyKind,
        languages: Mapping[str, Language[Any]],
        runtime: Runtime,
        authorizer: Authorizer,
        metrics: Scope,
        opaque_ports: frozenset[int] = frozenset(),
    ) -> None:
        """Follow policies and pods from now on; `opaque_ports` are those where nobody looks for HTTP.

        Raises:
            EnvironmentMissing: the name of the node is not set.
        """
        self.follower = config.build(runtime, languages)
        self.authorizer = authorizer
        self.recent = Recent()
        self._log: Log = runtime.log
        self._metrics = metrics
        self._measured: set[tuple[str, str, str]] = set()
        self._opaque = opaque_ports
        self._policies: Policies | None = None
        self._compiled: Compiled | None = None
        self._known: Known | None = None
        node = config.node
        self.pods: PodWatch | None = None
        if node is None:
            self._known = NOBODY
        else:
            self.pods = PodWatch(runtime.clusters.get(config.access), node, self._pods_changed)
            runtime.start_soon(self.pods.run, name="pods of this node for policies")
        self._gauges = [StoredGauges(metrics.scope(key), stored) for key, stored in self.follower.texts.items()]
        self._changed = trio.Event()
        """Set when what is open as bytes has to be judged again."""
        self._measure()
        there = self.follower.texts[KEY].value
        if there is not None:
            self._put_policies(there, Compiled(there))
        for task in (self._follow, self._judge_again, self._look):
            runtime.start_soon(task, name=f"policies {task.__name__}")

    def sweep(self) -> None:
        """Housekeeping, about twice a second."""
        for gauges in self._gauges:
            gauges.update()

    async def take(self) -> None:
        """Count, log and keep what was judged since the last time."""
        pace = Pace()
        seen, counts = self.authorizer.take()
        for each in seen:
            self.recent.note(each, monotonic())
            if pace.due():
                await pace.rest()
        for logged, ((policy, source, destination), count) in enumerate(counts.items()):
            self._count(policy, source, destination, count)
            if logged < MOST_LOGGED:
                self._log(
                    INFO,
                    "policy.denied" if count.refused else "policy.audited",
                    policy=policy,
                    source=count.source,
                    destination=count.destination,
                    port=count.port,
                    request=count.example.decode("latin-1"),
                    requests=count.requests,
                )
            if pace.due():
                await pace.rest()

    def readiness(self) -> Iterator[tuple[str, Readiness]]:
        """Yield how each text is doing, and the pods."""
        for key in self.follower.texts:
            how = self.follower.readiness(key)
            if key == KEY and how.ready and self._policies is None:  # they are being compiled
                how = Readiness(False, f"not in force yet; {how.reason}")
            yield key, how
        if self.pods is None:
            if self._compiled is not None and self._compiled.about_pods:
                yield "policy pods", Readiness(True, "not followed: what is about pods protects nobody (nodeName)")
        else:
            missing = self.pods.missing()
            known = 0 if self._known is None else len(self._known.pods)
            yield "policy pods", Readiness(not missing, missing or f"{known} addresses known")

    def state(self) -> dict[str, Any]:
        """Return the texts in effect and their errors, ready for JSON."""
        return self.follower.state()

    def policies_of(self, ip: str, port: int) -> list[tuple[str, str]]:
        """Return names and actions of the policies for an address, those at least that have a rule for its port."""
        return self.authorizer.policies_of(ip, port)

    async def what_if(self, policies: Policies, minutes: int = MINUTES) -> dict[str, Any]:
        """Return what other policies would have done to the requests of the last minutes, ready for JSON."""
        await self.take()
        answer = await what_if(
            await aside(partial(Compiled, policies)), self._compiled, self.recent.rows(minutes, monotonic())
        )
        left_out = self.authorizer.left_out + self.recent.overflow
        return {"minutes": min(minutes, MINUTES), **answer, "notKept": left_out}

    async def _follow(self) -> None:
        stored = self.follower.texts[KEY]
        while True:
            bell = trio.Event()
            with stored.var.ringing(bell):
                value = stored.value
                if value != self._policies:
                    compiled = None if value is None else await aside(partial(Compiled, value))
                    self._put_policies(value, compiled)
                await bell.wait()

    async def _look(self) -> None:
        pace, looks = Pace(), 0
        while True:
            await trio.sleep(LOOK_SECONDS)
            await self.take()
            looks += 1
            if looks % EXPIRE_LOOKS == 0:
                for _ in self.recent.expire(monotonic()):
                    if pace.due():
                        await pace.rest()

    async def _judge_again(self) -> None:
        pace = Pace()
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            before = self.authorizer.ended
            for _ in self.authorizer.judge_again():
                if pace.due():
                    await pace.rest()
            ended = self.authorizer.ended - before
            if ended:
                self._log(INFO, "policy.flows_ended", flows=ended)

    def _put_policies(self, policies: Policies | None, compiled: Compiled | None) -> None:
        self._policies, self._compiled = policies, compiled
        self._put()
        if policies is not None:
            self._warn(policies)

    def _pods_changed(self, known: Known) -> None:
        self._known = known
        self._put()

    def _put(self) -> None:
        self.authorizer.put(self._compiled, self._known)
        self._changed.set()

    def _warn(self, policies: Policies) -> None:
        """Say what can hardly be meant: keys of HTTP for ports where nobody looks for HTTP."""
        for policy in policies.policies:
            ports = {port for rule in policy.rules if rule.asks for port in rule.ports or ()} & self._opaque
            if ports:
                hint = "what is carried as bytes matches no allow with `http` or `claims`, and every such deny"
                self._log(WARNING, "policy.never_http", policy=policy.name, ports=sorted(ports), hint=hint)

    def _count(self, policy: str, source: str, destination: str, count: Count) -> None:
        key = (policy, source, destination)
        if key not in self._measured:
            if len(self._measured) >= MOST_MEASURED:
                key = (OTHER, OTHER, OTHER)
            self._measured.add(key)
        scope = self._metrics.scope("denied" if count.refused else "audited", *key)
        scope.counter("requests").add(count.requests)

    def _measure(self) -> None:
        scope, authorizer = self._metrics, self.authorizer
        scope.tally("judged", lambda: authorizer.judged)
        scope.tally("refused", lambda: authorizer.refused)
        scope.gauge("flows", lambda: authorizer.flows)
        scope.tally("flows_ended", lambda: authorizer.ended)
        scope.gauge("recent_rows", lambda: len(self.recent))
        scope.tally("recent_left_out", lambda: authorizer.left_out + self.recent.overflow)
