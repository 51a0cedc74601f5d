import pytest
import trio

from noderouter.core.var import Var
from noderouter.core.waiting import until


async def test_what_is_ready_is_not_waited_for():
    assert await until(Var(1), lambda value: value == 1) == 1


async def test_a_wait_that_is_cancelled_lets_go():
    var = Var(1)
    with pytest.raises(trio.TooSlowError), trio.fail_after(0.01):
        await until(var, lambda value: value == 2)
    assert (var.holders, var._bells) == (0, [])
