"""Hostile values for a soak run: for each thing that a stranger can make the router keep, a new one every time.

docs/hardening.md lists these things with their bounds ("Everything that is kept"). Like the clients of `soak_clients`,
each function takes a connection and sends what it sends; the router may answer what it likes.
"""

from typing import Final

import trio

from benchmarks.soak_clients import MIX, Asked, Client, get, reset, response
from benchmarks.topology import LOOPBACK


async def _ask(stream: trio.SocketStream, message: bytes) -> None:
    await stream.send_all(message)
    await response(stream)


async def new_hosts(stream: trio.SocketStream, asked: Asked) -> None:
    """Names, and with them services, figures and cached bindings."""
    for _ in range(5):
        await _ask(stream, get(asked.stranger()))


async def new_overrides(stream: trio.SocketStream, asked: Asked) -> None:
    """Dtabs of eight kilobytes, none like another."""
    entries = "".join(f"/svc/{asked.random.getrandbits(40):x}=>/svc/a{n}&/svc/b{n};" for n in range(200))[:8000]
    dtab = entries[: entries.rindex(";")].encode()
    await _ask(stream, get(asked.name(), more=b"l5d-dtab: %b\r\n" % dtab))


async def wide_overrides(stream: trio.SocketStream, asked: Asked) -> None:
    """Dtabs with many leaves that all lead somewhere."""
    leaves = "&".join(f"/svc/{asked.random.choice(asked.names)}" for _ in range(100))
    await _ask(stream, get(asked.name(), more=f"l5d-dtab: /svc=>{leaves}\r\n".encode()))


async def doubling_overrides(stream: trio.SocketStream, asked: Asked) -> None:
    """Dtabs that cost much for their length."""
    long = b"/a" * asked.random.randrange(100, 900)
    for dtab in (b"/svc=>/svc%b&/svc/b" % long, b"/svc=>/svc/a&/svc/b", b"/svc=>/svc|/svc|/svc"):
        await _ask(stream, get(asked.name(), more=b"l5d-dtab: %b\r\n" % dtab))


async def forbidden_places(stream: trio.SocketStream, asked: Asked) -> None:
    """What no client may reach."""
    port = asked.admin_port or 9990
    for host in (b"169.254.169.254", b"127.0.0.1:%d" % port, b"2130706433:%d" % port, b"[::ffff:127.0.0.1]:%d" % port):
        await _ask(stream, get(host, b"/admin/shutdown"))
    dtab = b"l5d-dtab: /svc=>/$/inet/127.0.0.1/%d\r\n" % port
    await _ask(stream, get(asked.name(), b"/admin/shutdown", dtab).replace(b"GET", b"POST", 1))
    await stream.send_all(b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n")
    await response(stream)


async def new_contexts(stream: trio.SocketStream, asked: Asked) -> None:
    """Traces, deadlines and fields that no one has heard of."""
    noise = asked.random.randbytes(32).hex().encode()
    fields = b"l5d-ctx-trace: %b\r\nl5d-ctx-%b: %b\r\nl5d-sample: 0.%b\r\n" % (noise, noise[:20], noise, noise[:9])
    await _ask(stream, get(asked.name(), more=fields + b"X-%b: 1\r\n" % noise))


async def many_fields(stream: trio.SocketStream, asked: Asked) -> None:
    """A head as large as it may be."""
    fields = b"".join(b"%b: %b\r\n" % (b"x%d" % n, b"v" * 100) for n in range(500))
    await _ask(stream, get(asked.name(), more=fields))


async def early_ends(stream: trio.SocketStream, asked: Asked) -> None:
    """Uploads behind responses that came before them."""
    head = get(asked.name(), b"/error", b"Transfer-Encoding: chunked\r\n").replace(b"GET", b"POST", 1)
    await stream.send_all(head)
    for _ in range(20):
        await stream.send_all(b"1000\r\n" + b"x" * 4096 + b"\r\n")


async def admin_strangers(stream: trio.SocketStream, asked: Asked) -> None:
    """Posts to the admin interface that never end, and scrapes that nobody reads."""
    if asked.admin_port is None:
        return
    async with await trio.open_tcp_stream(LOOPBACK, asked.admin_port) as admin:
        if asked.random.random() < 0.5:
            await admin.send_all(b"POST /delegator.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n")
            await admin.send_all(b"x" * asked.random.randrange(50_000))
        else:
            await admin.send_all(b"GET /admin/metrics/prometheus HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await trio.sleep(asked.random.random())
        reset(admin)


VALUES: Final[dict[Client, int]] = {
    new_hosts: 5,
    new_overrides: 5,
    wide_overrides: 5,
    doubling_overrides: 5,
    forbidden_places: 5,
    new_contexts: 5,
    many_fields: 2,
    early_ends: 3,
    admin_strangers: 1,
}
"""How many connections are of which sort, in proportion to `MIX`."""

ALL: Final[dict[Client, int]] = {**MIX, **VALUES}
