"""Windows come back, in whichever way streams end: a property over random histories of one session."""

from time import monotonic

import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import Exchange
from noderouter.core.message import Response
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.http2.streams import LATE_SECONDS
from tests.noderouter.proxy.http2.services import answer, body_of, echo, session_of, soon, whole
from tests.testing import http2
from tests.testing.http2 import Http2Peer, Seen, data, frame, http2_client, rst_stream
from tests.testing.loop import until
from tests.testing.proxy import proxy

WINDOW = 65535
LINK = 100_000


async def half(exchange: Exchange) -> None:
    """Begin a response, read a piece, and break off."""
    await soon(exchange.reply.begin(Response(200, b"", b"", CHUNKED), b"x"))
    await exchange.body.read()


async def take(exchange: Exchange) -> None:
    await answer(exchange, b"%d" % len(await body_of(exchange)))


async def broken(exchange: Exchange) -> None:
    raise ValueError("a fault")


SERVICES = {b"/echo": echo, b"/half": half, b"/take": take, b"/early": answer, b"/broken": broken}


async def serve(exchange: Exchange) -> None:
    await SERVICES[exchange.target](exchange)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from([*SERVICES]), st.sampled_from([-1, 0, 5, 9000, 40_000])),
        st.tuples(
            st.sampled_from(["data", "padded", "end", "trailers", "reset", "lie", "zero", "self"]),
            st.integers(0, 9),
            st.sampled_from([0, 1, 5, 9000, 16384]),
        ),
        st.tuples(st.sampled_from(["wait", "later"]), st.just(0), st.just(0)),
    ),
    max_size=25,
)


class Client:
    """Does what a history says, and keeps count of what it may still send."""

    def __init__(self, peer: Http2Peer) -> None:
        self.peer = peer
        self.open: list[Seen] = []
        self.number = -1

    async def step(self, what: str, which: object, size: int) -> None:
        peer = self.peer
        if what == "open":
            self.number += 2
            fields = [(b"content-length", b"%d" % size)] if size >= 0 else []
            assert isinstance(which, bytes)
            await peer.send(peer.request(which.decode(), "POST", *fields, end=False, stream=self.number))
            self.open.append(peer.seen.setdefault(self.number, Seen(self.number)))
            return
        if what == "wait":
            await peer.still_there()
            return
        if not self.open:
            return
        assert isinstance(which, int)
        seen = self.open[which % len(self.open)]
        number = seen.number
        if what in ("data", "padded", "end"):
            extra = 8 if what == "padded" else 0
            room = min(peer.window_of(seen), WINDOW + peer.granted - peer.spent) - extra
            count = min(size, room, 16384 - extra)
            if count < 0:
                return
            seen.spent += count + extra
            peer.spent += count + extra
            if what == "padded":
                await peer.send(frame(http2.DATA, http2.PADDED, number, b"\x07" + bytes(count + 7)))
            else:
                await peer.send(data(number, bytes(count), what == "end"))
        elif what == "trailers":
            await peer.send(peer.headers(number, [(b"a", b"b")], end=True))
        elif what == "reset":
            await peer.send(rst_stream(number))
        elif what == "lie":
            await peer.send(peer.headers(number, [(b"a", b"b")]))
        elif what == "zero":
            await peer.send(http2.window_update(number, 0))
        else:
            await peer.send(frame(http2.PRIORITY, 0, number, number.to_bytes(4, "big") + b"\0"))
        if what not in ("data", "padded"):
            self.open.remove(seen)


@given(STEPS)
@example([("open", b"/take", -1), ("data", 0, 16384), ("reset", 0, 0)])
@example([("open", b"/early", -1), ("data", 0, 16384), ("wait", 0, 0), ("data", 0, 16384), ("end", 0, 1)])
@example(
    [("open", b"/early", -1), ("data", 0, 9000), ("wait", 0, 0), ("later", 0, 0), ("data", 0, 9000), ("end", 0, 1)]
)
@example([("open", b"/echo", 5), ("data", 0, 16384), ("open", b"/echo", -1), ("padded", 1, 9000), ("lie", 1, 0)])
@settings(max_examples=100)
def test_all_windows_come_back(steps: list[tuple[str, object, int]]) -> None:
    """What we grant and what the peer thinks that it may send are the same, and whole, when all streams are over."""
    trio.run(history, steps)


async def history(steps: list[tuple[str, object, int]]) -> None:
    async with proxy(service=serve, http2=Http2ServerSettings(link_window=LINK)) as p:
        peer = await http2_client(p.port)
        peer.giving = True
        await peer.until(lambda: peer.settings and peer.granted)
        client = Client(peer)
        later = monotonic()
        for what, which, size in steps:
            if what == "later":  # what was reset before has had its time
                for _ in range(2):
                    later += LATE_SECONDS + 1
                    session_of(p).forget_resets(later)
                assert not session_of(p)._forgotten
            else:
                await client.step(what, which, size)
        for seen in client.open:
            if not seen.over:
                await peer.send(rst_stream(seen.number))
        await peer.still_there()
        session = session_of(p)
        await until(lambda: not session.running and not session.streams)
        await peer.still_there()
        assert not peer.goaways
        whole(session)
        assert WINDOW + peer.granted - peer.spent == session.granted
        await peer.close()


async def test_what_was_reset_is_kept_for_a_while_and_no_longer() -> None:
    """However many are: else each session would fill up with a thousand of them."""
    async with proxy(service=answer, http2=Http2ServerSettings()) as p:
        peer = await http2_client(p.port)
        await peer.until(lambda: peer.settings)
        session = session_of(p)
        now = monotonic()
        for number in range(1, 31, 2):
            session.reset(number, http2.CANCEL, 10)
            now += 1
            session.forget_resets(now)
        kept = list(session._forgotten)
        assert kept[0] >= 29 - 2 * 2 * (LATE_SECONDS + 1)
        assert kept == list(range(kept[0], 31, 2))
        assert all(session.was_reset(number) for number in range(1, 31, 2))
        assert session._older_left == 10 * (15 - len(kept))
        await peer.close()
