"""Asks the other routers for their summaries, while somebody looks, and makes one look of all of them.

    somebody looks  ->  kept for KEPT_SECONDS?  ->  that
                        else one round, shared by all who look meanwhile:
                        AT_A_TIME are asked at once, PEER_SECONDS each; after ROUND_SECONDS the rest is late

Nobody waits longer than for one round, however many are dead. Who was late in the last round is asked last in the next.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import trio

from noderouter.admin.dashboard.look import Look
from noderouter.admin.mesh.ask import Unreached, ask
from noderouter.admin.mesh.checked import Refused, checked
from noderouter.admin.mesh.merge import Merge
from noderouter.admin.mesh.nodes import silent
from noderouter.admin.mesh.peers import NoPeers, Peer, Peers
from noderouter.admin.mesh.summary import summary
from noderouter.admin.mesh.sums import NODES
from noderouter.core.host_port import join_host_port
from noderouter.telemetry.tree import Scope

if TYPE_CHECKING:
    from noderouter.admin.state import AdminState

KEPT_SECONDS: Final = 5.0
"""How long a look at all nodes is good for everybody."""
AT_A_TIME: Final = 16
PEER_SECONDS: Final = 2.0
ROUND_SECONDS: Final = 5.0
"""Of a whole round."""


class Gatherer:
    """Makes looks at all nodes, one at a time, and shares them."""

    def __init__(
        self,
        peers: Peers,
        metrics: Scope,
        peer_seconds: float = PEER_SECONDS,
        round_seconds: float = ROUND_SECONDS,
        *,
        proof: Callable[[], str] | None = None,
    ) -> None:
        """Asks nobody before somebody looks; counts below `metrics`. `proof` makes what peers want to see, if any."""
        self._proof = proof
        self._peers = peers
        self._peer_seconds = peer_seconds
        self._round_seconds = round_seconds
        self._turn = trio.Lock()
        self._last: Look | None = None
        self._made_at = 0.0
        self._late: frozenset[tuple[str, int]] = frozenset()
        self.rounds = metrics.counter("rounds")
        self.heard = metrics.counter("heard")
        self.late = metrics.counter("late")
        self.refused = metrics.counter("refused")

    def __repr__(self) -> str:
        return f"<Gatherer rounds={self.rounds.value} late={self.late.value} refused={self.refused.value}>"

    async def look(self, state: "AdminState", oldest: float = KEPT_SECONDS) -> Look:
        """Return how all nodes are: as they were seen less than `oldest` seconds ago, or seen anew."""
        async with self._turn:
            if self._last is None or trio.current_time() - self._made_at >= oldest:
                self._last = await self._round(state)
                self._made_at = trio.current_time()
            return self._last

    async def _round(self, state: "AdminState") -> Look:
        merge = Merge()
        merge.add(checked(await summary(state)))
        unknown = ""
        peers: Sequence[Peer] = ()
        try:
            peers = await self._peers.find()
        except NoPeers as error:
            unknown = str(error)
        if len(peers) >= NODES:
            unknown = f"{len(peers)} of them, of which {NODES} are asked at most"
        await self._ask(sorted(peers[: NODES - 1], key=lambda each: (each.ip, each.port) in self._late), merge)
        self.rounds.add()
        return await merge.look(unknown)

    async def _ask(self, peers: Sequence[Peer], merge: Merge) -> None:
        """Ask all of them, in this order."""
        late: set[tuple[str, int]] = set()
        left = list(reversed(range(len(peers))))
        asked: set[int] = set()

        async def work() -> None:
            while left:
                number = left.pop()
                asked.add(number)
                if not await self._one(peers[number], merge):
                    late.add((peers[number].ip, peers[number].port))
                asked.discard(number)

        with trio.move_on_after(self._round_seconds):
            async with trio.open_nursery() as nursery:
                for _ in range(min(AT_A_TIME, len(left))):
                    nursery.start_soon(work)
        for number in asked:
            self._miss(peers[number], merge, f"no answer when the round of {self._round_seconds:g} s was over")
        for number in left:
            self._miss(peers[number], merge, f"not asked: others have taken the {self._round_seconds:g} s of the round")
        late.update((peers[number].ip, peers[number].port) for number in (*asked, *left))
        self._late = frozenset(late)

    async def _one(self, peer: Peer, merge: Merge) -> bool:
        """Ask one; return whether it was in time."""
        address = join_host_port(peer.ip, peer.port)
        why = f"no answer within {self._peer_seconds:g} s"
        try:
            with trio.move_on_after(self._peer_seconds):
                data = await ask(peer.ip, peer.port, "" if self._proof is None else self._proof())
                if merge.add(checked(data), address):
                    self.heard.add()
                return True
        except Unreached as error:
            why = str(error)
        except Refused as refusal:
            self.refused.add()
            merge.missing(silent(peer.node or address, address, "refused", str(refusal)))
            return True
        self._miss(peer, merge, why)
        return False

    def _miss(self, peer: Peer, merge: Merge, why: str) -> None:
        address = join_host_port(peer.ip, peer.port)
        self.late.add()
        merge.missing(silent(peer.node or address, address, "late", why))
