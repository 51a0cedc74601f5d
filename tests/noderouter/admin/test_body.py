"""Bodies: whole, too large, too slow, and cut off."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from noderouter.admin.body import Body, ClientLeft, Receive, drain, read_body


def from_messages(messages: Sequence[dict[str, Any]]) -> Receive:
    """Hands over messages, then waits for ever."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await trio.sleep_forever()
        return left.pop(0)

    return receive


def piece(data: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_pieces_make_a_body() -> None:
    assert await read_body(from_messages([piece(b"a"), piece(b"b"), piece(b"", False)])) == Body(b"ab", False, True)
    assert await read_body(from_messages([{"type": "http.request"}])) == Body(b"", False, True)


async def test_the_limit_is_inclusive_and_nothing_is_read_beyond_it() -> None:
    assert await read_body(from_messages([piece(b"abc", False)]), limit=3) == Body(b"abc", False, True)
    # The third piece is left: the fourth would never come.
    body = await read_body(from_messages([piece(b"abc"), piece(b"d"), piece(b"e")]), limit=3)
    assert body == Body(b"", True, False)


async def test_a_slow_body_is_given_up(autojump_clock: MockClock) -> None:
    assert await read_body(from_messages([piece(b"a")]), seconds=5) == Body(b"", False, False)
    assert trio.current_time() >= 5


async def test_a_client_that_leaves() -> None:
    with pytest.raises(ClientLeft):
        await read_body(from_messages([piece(b"a"), {"type": "http.disconnect"}]))


async def test_draining_goes_on_until_cancelled(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await drain(from_messages([piece(b"a"), {"type": "http.disconnect"}]))
    assert scope.cancelled_caught
