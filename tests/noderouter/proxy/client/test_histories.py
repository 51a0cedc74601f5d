"""Random histories over one pool: whatever clients and endpoints do, no byte of one exchange reaches another.

Every response body consists of its request's mark. Two connections at most serve all clients, so that what one leaves
behind would be the next one's, and the pool is full all the time.

The endpoint looks, too: nothing may follow on a connection on which it has said more than it was asked for, and a
tunnel or a client that has finished must be the first on theirs.
"""

import re
from dataclasses import dataclass

import trio
from hypothesis import HealthCheck, given, note
from hypothesis import strategies as st

from noderouter.core.exchange import Exchange
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.filter.timeout import AttemptTimeout
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.transport import TransportLimits
from tests.testing.examples import examples
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

MARK = re.compile(rb"<(\d+)>")
TIMES = 40
"""How often a body repeats its mark."""

ENDPOINTS = (
    "counted",
    "chunked",
    "chunked, in pieces",
    "stalls",
    "stalls before it answers",
    "answers early",
    "204 with a length",
    "204 with late bytes",
    "HEAD-like surplus",
    "breaks its framing",
    "closes within",
    "resets within",
    "closes after",
    "retryable",
    "retryable, without a body",
    "retryable, and surplus",
    "interim, then counted",
)
CLIENTS = (
    "reads",
    "reads slowly",
    "resets",
    "closes",
    "half-closes",
    "breaks its framing",
    "leaves within its body",
    "pipelines",
    "tunnels",
)


@dataclass(frozen=True)
class Step:
    """One exchange of a history."""

    endpoint: str
    client: str
    method: str
    upload: str


steps = st.builds(
    Step,
    endpoint=st.sampled_from(ENDPOINTS),
    client=st.sampled_from(CLIENTS),
    method=st.sampled_from(("GET", "GET", "HEAD", "POST")),
    upload=st.sampled_from(("none", "small", "counted", "chunked")),
)


def body_of(mark: bytes) -> bytes:
    return (b"<%b>" % mark) * TIMES


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def answer(peer: Peer, how: str, mark: bytes, asked_head: bool) -> bool:
    """Play an endpoint once; whether another request may follow, which only the router has to know."""
    body = body_of(mark)
    counted = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    busy = counted.replace(b"200 OK", b"503 Service Unavailable")
    if asked_head:
        surplus = "surplus" in how
        await peer.send((busy if "retryable" in how else counted) + (body[:60] if surplus else b""))
        if surplus:
            await trio.sleep(0.005)
            await peer.send(counted + body)
        return not surplus
    match how:
        case "counted" | "answers early" | "closes after":
            await peer.send(counted + body)
        case "chunked":
            await peer.send(chunked + chunk(body) + b"0\r\n\r\n")
        case "chunked, in pieces":
            await peer.send(chunked)
            for at in range(0, len(body), 50):
                await peer.send(chunk(body[at : at + 50]))
                await trio.sleep(0)
            await peer.send(b"0\r\n\r\n")
        case "stalls":
            await peer.send(counted + body[:60])
            await trio.sleep(0.02)
            await peer.send(body[60:])
        case "stalls before it answers":
            await trio.sleep(0.08)  # longer than an attempt may take
            await peer.send(counted + body)
        case "204 with a length":
            await peer.send(b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n" % len(body))
        case "204 with late bytes":
            await peer.send(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")
            await trio.sleep(0.005)
            await peer.send(counted + body)
        case "HEAD-like surplus":
            await peer.send(counted + body + body)
        case "breaks its framing":
            await peer.send(chunked + chunk(body[:60]) + b"zz\r\n" + counted + body)
        case "closes within":
            await peer.send(counted + body[:60])
            await peer.close()
        case "resets within":
            await peer.send(counted + body[:60])
            peer.abort()
        case "retryable":
            await peer.send(busy + body)
        case "retryable, without a body":
            await peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        case "retryable, and surplus":
            await peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n" + body[:60])
            await trio.sleep(0.005)
            await peer.send(counted + body)
        case "interim, then counted":
            await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + counted + body)
    if how == "closes after":
        await peer.close()
    return "surplus" not in how and not how.startswith("204") and how != "breaks its framing"


def at_once(step: Step) -> bool:
    """Whether the router reads the end of the client together with its request."""
    return step.client == "half-closes" and (step.method != "POST" or step.upload in ("none", "small"))


def request_of(step: Step, mark: int) -> bytes:
    if step.client == "tunnels":
        return b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\nraw /%d \r\n\r\n" % mark
    line = f"{step.method} /{mark} HTTP/1.1\r\nHost: x\r\nX-How: {step.endpoint}\r\n".encode()
    if at_once(step):
        line += b"X-Finished: yes\r\n"
    data = b"u" * (10 if step.upload == "small" else 20_000)
    if step.method != "POST" or step.upload == "none":
        return line + b"\r\n"
    if step.upload == "chunked":
        return line + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(data) + b"0\r\n\r\n"
    return line + b"Content-Length: %d\r\n\r\n" % len(data) + data


async def play(port: int, step: Step, mark: int) -> list[tuple[set[int], bytes]]:
    """Play a client once; the marks that may come, and all that came."""
    peer = await client(port)
    seen = b""
    allowed = {mark}
    message = request_of(step, mark)

    async def read(until_seconds: float) -> None:
        nonlocal seen
        with trio.move_on_after(until_seconds):
            while len(re.findall(rb"\r\n\r\n", seen)) < len(allowed) or MARK.search(seen) is None:
                more = await peer.stream.receive_some(100 if step.client == "reads slowly" else 65536)
                if not more:
                    return
                seen += more

    try:
        match step.client:
            case "leaves within its body":
                await peer.send(message[: len(message) * 2 // 3])
            case "breaks its framing":
                await peer.send(message + b"zz\r\n")
            case "pipelines":
                allowed.add(mark + 1_000_000)
                await peer.send(message + request_of(step, mark + 1_000_000))
            case "half-closes" if at_once(step):
                peer.send_and_finish(message)
            case _:
                await peer.send(message)
        if step.client == "half-closes" and not at_once(step):
            await peer.finish()
        await read(0.01 if step.client in ("resets", "closes", "leaves within its body") else 0.12)
        if step.client == "resets":
            peer.abort()
    except trio.BrokenResourceError:
        pass
    await peer.close()
    return [(allowed, seen)]


class Gate:
    """Discards every other response that is retryable."""

    def __init__(self) -> None:
        self.asked = 0

    def deliver(self, exchange: Exchange) -> bool:
        self.asked += 1
        return self.asked % 2 == 0


@examples(50, suppress_health_check=[HealthCheck.too_slow])
@given(
    history=st.lists(st.lists(steps, min_size=1, max_size=4), min_size=2, max_size=8),
    places=st.integers(1, 2),
    drain=st.booleans(),
)
async def test_no_byte_reaches_another_exchange(history: list[list[Step]], places: int, drain: bool) -> None:
    misused: list[bytes] = []

    async def script(peer: Peer) -> None:
        first = True
        usable = True
        while await peer.more():
            head = await peer.head()
            if not usable or (not first and (head.startswith(b"raw") or b"X-Finished" in head)):
                misused.append(head)
            first = False
            method, target = head.split(b" ")[:2]
            if method == b"raw":
                await peer.send(body_of(target[1:]))
                usable = False
                continue
            how = re.search(rb"X-How: ([^\r]*)", head)
            assert how is not None
            if how[1] != b"answers early" and method == b"POST":
                await drop_body(peer, head)
            usable = await answer(peer, how[1].decode(), target[1:], method == b"HEAD")
            if how[1] == b"answers early" and method == b"POST":
                await drop_body(peer, head)

    async def lenient(peer: Peer) -> None:
        try:
            await script(peer)
        except AssertionError:  # the router left within a request
            pass

    limits = TransportLimits(body_idle_seconds=0.05, upload_seconds=0.05)
    pool = PoolSettings(max_size=places, limits=limits)
    results: list[tuple[set[int], bytes]] = []
    async with (
        origin(lenient) as server,
        proxy(server.port, pool=pool, settings=ServerSettings(body_idle_seconds=0.05), wrap=wrapped) as p,
    ):

        async def one(step: Step, mark: int) -> None:
            results.extend(await play(p.port, step, mark))

        mark = 0
        for beside in history:
            async with trio.open_nursery() as nursery:
                for step in beside:
                    mark += 1
                    nursery.start_soon(one, step, mark)
        if drain:
            p.listener.drain()
    assert not misused
    for allowed, seen in results:
        marks = {int(found) for found in MARK.findall(seen)}
        if not marks <= allowed:
            note(f"{allowed} got {marks}: {seen[:300]!r}")
        assert marks <= allowed


async def drop_body(peer: Peer, head: bytes) -> None:
    """Read a request's body away."""
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if length is not None:
        await peer.exactly(int(length[1]))
    elif b"transfer-encoding: chunked" in head.lower():
        await peer.until(b"0\r\n\r\n")


def wrapped(service):  # type: ignore[no-untyped-def]
    """Attempts are limited, and some responses are asked for once more."""
    gate = Gate()

    async def serve(exchange: Exchange) -> None:
        exchange.gate = gate
        while True:
            await AttemptTimeout(service, 0.04).serve(exchange)
            if exchange.reply.started:
                return
            exchange.reply_fields = b""

    return serve
