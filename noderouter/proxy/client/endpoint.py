"""One instance behind a bound name: what the balancer knows of it, and the connections to it."""

from noderouter.core.addr import Address
from noderouter.proxy.balancer.accrual.machine import Accrual
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.client.pool import Pool


class Endpoint(Node):
    """A node with a pool. A removed endpoint is never revived: the address may be another pod's by then."""

    __slots__ = ("down", "pool")

    def __init__(self, address: Address, accrual: Accrual, pool: Pool) -> None:
        super().__init__(address, address.weight, accrual)
        self.pool = pool
        self.down = False
        """No connection to it came about the last time (`fail_fast`)."""

    def retire(self) -> None:
        """Discovery has removed it: no new requests, idle connections close, those in use after their exchange."""
        self.closed = True
        self.pool.close()
