"""States are logged when they begin; numbers in their reasons make no new one."""

from noderouter.interception.control.keeper_status import KeeperStatus
from noderouter.interception.control.replies import State
from tests.noderouter.naming.fakes import Log


def test_a_life():
    log = Log()
    status = KeeperStatus(log)
    for reason in ("no keeper at /a: gone", "no keeper at /a: gone", "no keeper at /a: refused"):
        status.lost(reason)
    status.joined("nftables", frozenset())
    status.state(State(armed=False, why="the last probe that came back was 3000 ms ago"))
    status.state(State(armed=False, why="the last probe that came back was 3500 ms ago"))
    status.state(State(armed=True, why=""))
    status.state(State(armed=True, why=""))
    status.lost("the keeper has closed the connection")
    assert log.events == [
        "intercept.keeper_lost",
        "intercept.keeper_lost",
        "intercept.connected",
        "intercept.not_armed",
        "intercept.armed",
        "intercept.keeper_lost",
    ]
    assert status.disarms == 1
    assert status.ready_once.is_set()
    assert not status.connected


def test_that_the_kernel_does_not_follow_is_said_once():
    log = Log()
    status = KeeperStatus(log)
    for generation, error in enumerate(("", "no space", "no space", "", "no space")):
        status.applied(generation, error)
    assert log.events == ["intercept.not_in_force"] * 2
    assert status.generation == 4
