"""What a balancer is: the choice of a node for one request, and the book-keeping around it.

In the pipe it stands between the client stack and the endpoint:

    node = balancer.pick(now)           which one; changes nothing
    probe = balancer.begin(node, now)   the request is on its way
    ...
    balancer.end(node, now, latency_s)  exactly once for each begin

Invariants: `pick` answers None only when there is no node at all; when every node is closed by failure accrual
it still picks (fail open). A node that was removed is never picked again, but its `end` is still welcome.
"""

from collections.abc import Sequence

from noderouter.balancer.node import Node


class Balancer:
    """Chooses among nodes. This base does the part that all kinds share: counting `pending`, and probes."""

    __slots__ = ()

    def update(self, nodes: Sequence[Node]) -> None:
        """Take `nodes`, each once and in any order, as the whole set from now on."""
        raise NotImplementedError

    def pick(self, now: float) -> Node | None:
        """The node for the next request."""
        raise NotImplementedError

    def begin(self, node: Node, now: float) -> bool:
        """A request to `node` begins. True: it is the node's probe, and owes `node.accrual` a report."""
        node.pending += 1
        accrual = node.accrual
        return accrual.opens_at != 0.0 and accrual.probe(now)

    def end(self, node: Node, now: float, latency_s: float | None) -> None:
        """A request to `node` ended.

        Args:
            latency_s: from `begin` to the response head; None where there was none (a failure says nothing
                about how quick a node is).
        """
        node.pending -= 1
