"""The settings of a client, ready to be used."""

from collections.abc import Callable
from dataclasses import dataclass

from dtab import Path
from noderouter.core.addr import Address
from noderouter.proxy.balancer.accrual.machine import AccrualFactory
from noderouter.proxy.balancer.balancer import Balancer
from noderouter.proxy.client.endpoint import NO_LIMIT
from noderouter.proxy.client.endpoint_limits import EndpointLimits
from noderouter.proxy.client.instance import Instances
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.limit.gradient import Gradient
from noderouter.proxy.limit.queue import Queue
from noderouter.proxy.retry.budget import RetryBudget

Guard = Callable[[Path, Address, bool], None]
"""Asked before each new connection: a bound name, its address, and whether only endpoints of Kubernetes will do.

Raises what the exchange is to fail with where the connection is not to be.
"""


def unlimited() -> tuple[int, Gradient | None]:
    """The limit of an endpoint that has none."""
    return NO_LIMIT, None


@dataclass(slots=True, frozen=True)
class ClientSettings:
    """The settings of a client; factories make what each client needs of its own."""

    balancer: Callable[[], Balancer]
    accrual: AccrualFactory
    requeue_budget: Callable[[], RetryBudget]
    pool: PoolSettings
    binding_seconds: float = 10.0
    fail_fast: bool = False
    limit: Callable[[], tuple[int, Gradient | None]] = unlimited
    """Makes the limit of one endpoint: how many requests at a time, and what that follows."""
    queue: Callable[[], Queue] | None = None
    """Makes the queue of those who wait for an endpoint with room; None where endpoints have no limit."""

    def limits(self, balancer: Balancer, instances: Instances, words: str) -> EndpointLimits | None:
        """The limits of the endpoints of a client; see there."""
        return None if self.queue is None else EndpointLimits(balancer, self.queue(), instances, words)
