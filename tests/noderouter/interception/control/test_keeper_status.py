"""States are logged when they begin; numbers in their reasons make no new one."""

from noderouter.interception.control.keeper_status import Standing
from noderouter.interception.control.replies import State
from tests.noderouter.naming.fakes import Log


def test_a_life():
    log = Log()
    standing = Standing(log)
    for reason in ("no keeper at /a: gone", "no keeper at /a: gone", "no keeper at /a: refused"):
        standing.lost(reason)
    standing.joined("nftables", frozenset())
    standing.state(State(armed=False, why="the last probe that came back was 3000 ms ago"))
    standing.state(State(armed=False, why="the last probe that came back was 3500 ms ago"))
    standing.state(State(armed=True, why=""))
    standing.state(State(armed=True, why=""))
    standing.lost("the keeper has closed the connection")
    assert log.events == [
        "intercept.keeper_lost",
        "intercept.keeper_lost",
        "intercept.connected",
        "intercept.not_armed",
        "intercept.armed",
        "intercept.keeper_lost",
    ]
    assert standing.disarms == 1
    assert standing.ready_once.is_set()
    assert not standing.connected


def test_that_the_kernel_does_not_follow_is_said_once():
    log = Log()
    standing = Standing(log)
    for generation, error in enumerate(("", "no space", "no space", "", "no space")):
        standing.applied(generation, error)
    assert log.events == ["intercept.not_in_force"] * 2
    assert standing.generation == 4
