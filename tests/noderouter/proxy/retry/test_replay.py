"""A streaming request body is sent again as it was, as long as all of it is kept."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.body import CHUNKED
from noderouter.core.headers import Headers
from noderouter.proxy.retry.replay import ReplayBody
from tests.testing.reply import make_exchange
from tests.testing.step import Pause, run, start


class Source:
    """A body that comes in pieces; a None among them is a wait."""

    length = CHUNKED
    data = None
    replayable = False

    def __init__(self, pieces: Sequence[bytes | None]) -> None:
        self.left = list(pieces)
        self.trailers: Headers | None = None

    async def read(self) -> bytes:
        while self.left:
            if self.left[0] is not None:
                return self.left.pop(0) or b""
            await Pause()
            self.left.pop(0)
        self.trailers = Headers(b"x: y\r\n")
        return b""


def body_of(*pieces: bytes | None, limit: int = 10) -> tuple[ReplayBody, Source]:
    source = Source(pieces)
    exchange = make_exchange(b"POST", body=source)
    exchange.attempts = 1
    return ReplayBody(exchange, limit), source


def again(body: ReplayBody) -> None:
    body._exchange.attempts += 1


async def whole(body: ReplayBody) -> bytes:
    data = b""
    while piece := await body.read():
        data += piece
    return data


@given(st.lists(st.binary(min_size=1, max_size=6)), st.integers(0, 20), st.lists(st.integers(0, 5), max_size=4))
def test_each_attempt_gets_the_same(pieces: list[bytes], limit: int, reads: list[int]) -> None:
    body, _ = body_of(*pieces, limit=limit)
    sent = b"".join(pieces)
    for count in reads:
        got = b""
        for _ in range(count):
            if not body.replayable:
                break
            got += run(body.read())
        assert sent.startswith(got)
        assert len(body._kept) <= limit
        if not body.replayable:
            return
        again(body)
    assert run(whole(body)) == sent
    assert body.replayable is (len(sent) <= limit)
    assert body.trailers == Headers(b"x: y\r\n")


def test_what_is_beyond_the_limit_passes_and_nothing_is_kept() -> None:
    body, _ = body_of(b"12345", b"67890", b"1", b"2")
    assert [run(body.read()), run(body.read())] == [b"12345", b"67890"]
    assert body.replayable
    assert run(body.read()) == b"1"
    assert (body.replayable, len(body._kept)) == (False, 0)
    assert run(whole(body)) == b"2"


def test_a_response_that_begins_while_it_is_sent_again_takes_nothing_away() -> None:
    body, _ = body_of(b"12345", b"678")
    run(body.read())
    again(body)
    body.forget()
    assert not body.replayable
    assert run(whole(body)) == b"12345678"
    assert len(body._kept) == 0


def test_a_read_that_is_cancelled_loses_nothing() -> None:
    body, _ = body_of(b"123", None, b"456")
    run(body.read())
    waiting = start(body.read())
    try:
        waiting.throw(KeyboardInterrupt())
    except KeyboardInterrupt:
        again(body)
    body._source.left.remove(None)  # type: ignore[attr-defined]
    assert run(whole(body)) == b"123456"


def test_it_looks_like_what_it_reads() -> None:
    body, source = body_of(b"1")
    assert (body.length, body.data, body.source) == (CHUNKED, None, source)
    assert repr(body) == "<ReplayBody kept=0 of 10 replayable=True>"
