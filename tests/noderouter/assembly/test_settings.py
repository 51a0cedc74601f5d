"""What the configuration becomes: settings of pools, sockets and budgets."""

from math import inf

from dtab import Path
from noderouter.assembly.settings import element, pool_settings, retry_budget, socket_settings
from noderouter.proxy.client.pool import MAX_WAITERS, PoolSettings
from noderouter.proxy.listener.listener import SocketSettings
from noderouter.schema.fields import seconds
from tests.testing.router import checked, config


def client_params(**client):
    """The parameters of any client under this configuration."""
    return checked(config(client=client)).routers[0].client.settings().resolve(Path.of("x"))


def server(**keys):
    """The configuration of a server."""
    return checked(config(servers=[{"port": 0} | keys])).routers[0].servers[0]


def test_without_keys_the_defaults_hold():
    assert pool_settings(client_params()) == PoolSettings()
    assert socket_settings(server()) == SocketSettings()


def test_a_pool():
    made = pool_settings(
        client_params(
            hostConnectionPool={"minSize": 1, "maxSize": 2, "idleTimeMs": 500, "maxWaiters": 0},
            clientSession={"lifeTimeMs": 60_000},
        )
    )
    assert (made.min_size, made.max_size, made.max_waiters) == (1, 2, 0)
    assert (made.idle_seconds, made.life_seconds) == (0.5, 60.0)


def test_the_shorter_of_two_idle_times_holds():
    assert pool_settings(client_params(clientSession={"idleTimeMs": 100})).idle_seconds == 0.1
    assert pool_settings(client_params(clientSession={"idleTimeMs": 10_000})).idle_seconds == 3.0
    assert pool_settings(client_params()).max_waiters == MAX_WAITERS


def test_socket_options_that_are_left_out_keep_their_defaults():
    made = socket_settings(server(socketOptions={"noDelay": False, "backlog": 7}))
    assert made == SocketSettings(no_delay=False, backlog=7)


def test_a_budget_of_nothing_pays_for_nothing():
    budget = checked(config(client={"requeueBudget": {"minRetriesPerSec": 0, "percentCanRetry": 0}}))
    made = retry_budget(budget.routers[0].client.settings().resolve(Path.of("x")).requeue_budget)
    made.deposit(0.0)
    assert not made.try_withdraw(0.0)


def test_small_conversions():
    assert seconds(None) == inf
    assert seconds(1500) == 1.5
    assert element(Path.of("svc", "a/b")) == "svc/\\x61\\x2f\\x62"
