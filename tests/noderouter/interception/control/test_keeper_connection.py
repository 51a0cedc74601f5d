"""One conversation: its time limits, and a keeper that breaks the rules."""

import resource
import socket

import pytest
import trio

from noderouter.interception.control.keeper_connection import KeeperConnection
from noderouter.interception.control.replies import KeeperError, Refused, State, Welcome
from noderouter.interception.keeper.protocol import encode
from tests.noderouter.interception.control.keepers import fake_keeper

HELLO = encode("hello", {"instance": "test"})


async def ask(keeper, answer, wanted=Welcome, seconds=2.0):
    keeper.answer = lambda _message: answer
    async with KeeperConnection.open(str(keeper.path)) as connection:
        return await connection.ask(HELLO, wanted, seconds)


async def test_a_question_is_answered(tmp_path):
    async with fake_keeper(tmp_path / "keeper.sock") as keeper:
        welcome = encode("welcome", {"backend": "nftables", "aliveMs": 2500})
        assert await ask(keeper, welcome) == Welcome("nftables", 2500)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\n", "not JSON"),
        (encode("state", {"armed": True, "why": ""}), "answered State, and not Welcome"),
        (encode("disarmed") * 2, "more than it was asked"),
        (b"x" * 100_000, "longer than 65536 bytes"),
        (None, "not answered for 0.2 s"),
        (b"half", "not answered for 0.2 s"),
    ],
)
async def test_a_keeper_that_breaks_the_rules(tmp_path, answer, words):
    async with fake_keeper(tmp_path / "keeper.sock") as keeper:
        with pytest.raises(KeeperError, match=words):
            await ask(keeper, answer, seconds=0.2)


async def test_a_keeper_that_refuses(tmp_path):
    async with fake_keeper(tmp_path / "keeper.sock") as keeper:
        with pytest.raises(Refused, match="the keeper has refused: because"):
            await ask(keeper, encode("error", {"message": "because"}))


async def test_what_it_said_before_it_closed_counts_even_if_we_could_not_say_all(tmp_path):
    path = str(tmp_path / "keeper.sock")
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(path)
    listening.listen(1)
    async with KeeperConnection.open(path) as connection:
        accepted, _ = await listening.accept()
        await accepted.send(encode("error", {"message": "a message has too many bytes"}))
        accepted.close()
        with pytest.raises(Refused, match="too many bytes"):
            await connection.ask(b"x" * 10_000_000, State)
    listening.close()


async def test_a_keeper_that_closes(tmp_path):
    async with fake_keeper(tmp_path / "keeper.sock") as keeper:
        async with KeeperConnection.open(str(keeper.path)) as connection:
            await connection.ask(HELLO, Welcome)
            keeper.cut()
            with pytest.raises(KeeperError, match="closed the connection"):
                await connection.ask(HELLO, Welcome)


async def test_nobody_is_there(tmp_path):
    with pytest.raises(KeeperError, match=r"no keeper at .*: No such file"):
        KeeperConnection.open(str(tmp_path / "nowhere.sock"))
    with pytest.raises(KeeperError, match="no keeper at "):
        KeeperConnection.open(str(tmp_path / ("long" * 100)))


async def test_somebody_who_does_not_accept(tmp_path):
    path = str(tmp_path / "keeper.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(0)
        async with KeeperConnection.open(path):  # fills its queue
            with pytest.raises(KeeperError, match="it does not accept"):
                KeeperConnection.open(path)


async def test_no_descriptor_is_left(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(KeeperError, match="Too many open files"):
            KeeperConnection.open(str(tmp_path / "keeper.sock"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
