import pytest
import trio

from noderouter.core.background import until
from noderouter.core.epoch import EPOCH
from noderouter.core.var import Var
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task


class Recorder:
    """A watch that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def open(self) -> None:
        self.told.append("open")

    def close(self) -> None:
        self.told.append("close")


def test_a_change_moves_version_and_epoch():
    var = Var(1)
    version, epoch = var.version, EPOCH.count
    var.set(2)
    assert (var.value, var.version, EPOCH.count) == (2, version + 1, epoch + 1)


def test_an_equal_value_is_no_change():
    var = Var((1, 2))
    version, epoch = var.version, EPOCH.count
    var.set((1, 2))
    assert (var.version, EPOCH.count) == (version, epoch)


def test_the_watch_is_open_while_somebody_holds():
    watch = Recorder()
    var = Var(0, watch)
    var.hold()
    var.hold()
    var.release()
    assert watch.told == ["open"]
    var.release()
    assert watch.told == ["open", "close"]
    assert var.holders == 0


def test_a_watch_that_cannot_open_leaves_no_holder():
    class Broken(Recorder):
        def open(self) -> None:
            raise RuntimeError("no nursery")

    var = Var(0, Broken())
    with pytest.raises(RuntimeError, match="no nursery"):
        var.hold()
    assert var.holders == 0


def test_releasing_too_often_is_an_error():
    var = Var(0)
    with pytest.raises(RuntimeError, match="more often than held"):
        var.release()


def test_a_bell_rings_once_and_is_forgotten():
    class Bell:
        rings = 0

        def set(self) -> None:
            self.rings += 1

    var, bell = Var(0), Bell()
    with var.ringing(bell):
        var.set(1)
        var.set(2)
    var.set(3)
    assert bell.rings == 1
    assert var._bells == []


async def test_a_trio_task_waits_for_a_value():
    var = Var(0)
    seen = []

    async def wait() -> None:
        seen.append(await until(var, lambda value: value >= 2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        for value in (1, 2):
            await trio.testing.wait_all_tasks_blocked()
            assert var.holders == 1
            var.set(value)
    assert seen == [2]
    assert var.holders == 0


def test_a_coroutine_of_the_data_plane_waits_for_a_change():
    def crashed(task: Task, error: BaseException) -> None:
        raise error

    reactor = Reactor(crashed)
    var = Var("old")
    seen = []

    async def wait() -> None:
        await var.changed(var.version)
        seen.append(var.value)

    try:
        reactor.spawn(wait(), "wait")
        reactor.turn()
        assert seen == []
        var.set("new")
        reactor.turn()
        assert seen == ["new"]
    finally:
        reactor.close()
