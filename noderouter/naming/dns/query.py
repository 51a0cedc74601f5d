"""One question to the system's resolver, and what needs no question."""

import re
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import trio

Query = Callable[[str], Awaitable[frozenset[str]]]
"""The addresses of a host name; raises OSError (`socket.gaierror`) as `getaddrinfo` does."""

MAX_ADDRESSES: Final = 256
"""Of one name. Answers are the name's owner's, and each address becomes an endpoint."""
MAX_THREADS: Final = 64
"""A backstop: `dns_slots` lets fewer queries go at once. Other work in threads has places of its own."""

_HOST_NAME = re.compile(r"(?=.{1,253}\.?\Z)(?:[0-9A-Za-z_-]{1,63}\.)*[0-9A-Za-z_-]{1,63}\.?")


class SystemQuery:
    """Asks `getaddrinfo`, in a thread; only for families that this host has an address of.

    How long that takes is up to the system (`timeout:` and `attempts:` in resolv.conf); it always ends.
    """

    def __init__(self) -> None:
        self._threads: trio.CapacityLimiter | None = None

    async def __call__(self, name: str) -> frozenset[str]:
        """See `Query`."""
        if self._threads is None:
            self._threads = trio.CapacityLimiter(MAX_THREADS)
        ips = await trio.to_thread.run_sync(_ask, name, abandon_on_cancel=True, limiter=self._threads)
        return frozenset(ips if len(ips) <= MAX_ADDRESSES else sorted(ips)[:MAX_ADDRESSES])


def _ask(name: str) -> set[str]:
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return {str(sockaddr[0]) for *_, sockaddr in answers}


def is_host_name(host: str) -> bool:
    """Whether `host` has the form of a name that can be queried; not in Unicode, but in Punycode."""
    return _HOST_NAME.fullmatch(host) is not None


def literal(host: str) -> str | None:
    """Return the address that `host` spells in numbers (`10.0.0.1`, `127.1`, `::1`), or None."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        pass
    else:
        return host
    if not host.isascii() or "\0" in host:
        return None
    try:
        answers = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return str(answers[0][4][0])
