"""The settings of a client, ready to be used."""

from collections.abc import Callable
from dataclasses import dataclass

from noderouter.proxy.balancer.accrual.machine import AccrualFactory
from noderouter.proxy.balancer.balancer import Balancer
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.retry.budget import RetryBudget


@dataclass(slots=True, frozen=True)
class ClientSettings:
    """The settings of a client; factories make what each client needs of its own."""

    balancer: Callable[[], Balancer]
    accrual: AccrualFactory
    requeue_budget: Callable[[], RetryBudget]
    pool: PoolSettings
    binding_seconds: float = 10.0
    fail_fast: bool = False
