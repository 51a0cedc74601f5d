"""One GET of keys, from an issuer that may be slow, away or lying.

The host is looked up first, and an address is connected to only if the rules for destinations let it: a name may lead
anywhere, and the router stands where others do not. TLS is verified for the host of the URI. Redirects are not
followed, a body ends at `MAX_BYTES`, and all of it has `SECONDS`.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from socket import SOCK_STREAM, gaierror
from typing import Final
from urllib.parse import SplitResult, urlsplit

import trio

from noderouter.kubernetes.credentials import Endpoint
from noderouter.kubernetes.http import NoAnswer, get_once

SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
"""For each address."""
ADDRESSES: Final = 4
"""Of a host, that are tried."""
MAX_BYTES: Final = 64 * 1024

Judge = Callable[[str, int, bool], str | None]
"""Answers why an address (IP and port) is not to be connected to, or None; the flag is whether the URI names it."""


class NotFetched(Exception):
    """There are no keys; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where keys are: an https URI, and files with the certificates to trust there (without any, the system's)."""

    uri: str
    trust: tuple[str, ...] = ()


async def fetch(place: Place, judge: Judge) -> bytes:
    """Return what is there.

    Raises:
        NotFetched: nothing is to be had.
    """
    with trio.move_on_after(SECONDS):
        return await _fetch(place, urlsplit(place.uri), judge)
    raise NotFetched(f"no answer within {SECONDS:g} s")


async def _fetch(place: Place, uri: SplitResult, judge: Judge) -> bytes:
    addresses = await _addresses(uri, judge)
    try:
        tls = await trio.to_thread.run_sync(_context, place.trust)
    except (OSError, ssl.SSLError) as error:
        raise NotFetched(f"the certificates to trust cannot be read: {error}") from error
    failed = ""
    target = (uri.path or "/") + (f"?{uri.query}" if uri.query else "")
    for ip in addresses:
        endpoint = Endpoint(f"https://{_bracketed(ip)}:{uri.port or 443}", tls, server_name=uri.hostname)
        try:
            status, body = await get_once(endpoint, target, uri.netloc, MAX_BYTES, CONNECT_SECONDS)
        except NoAnswer as error:
            failed = f"{ip}: {error}"
            if error.connected:
                break
            continue
        if status != 200:
            raise NotFetched(f"{ip}: status {status}; only 200 has keys, and redirects are not followed")
        return body
    raise NotFetched(failed)


async def _addresses(uri: SplitResult, judge: Judge) -> Sequence[str]:
    """The addresses of the host that may be connected to, the first few of them; raises NotFetched without any."""
    host, port = uri.hostname or "", uri.port or 443
    try:
        literal = str(ip_address(host))
    except ValueError:
        literal = ""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=SOCK_STREAM)
    except (gaierror, UnicodeError) as error:
        raise NotFetched(f"{host} cannot be looked up: {error}") from error
    ips = dict.fromkeys(str(address[0]) for *_, address in found)
    refused = {ip: judge(ip, port, bool(literal)) for ip in ips}
    allowed = [ip for ip, why in refused.items() if why is None]
    if not allowed:
        why = "; ".join(f"{why}" for why in refused.values()) or "it has no address"
        raise NotFetched(f"{host} may not be connected to: {why}")
    return allowed[:ADDRESSES]


def _context(trust: Sequence[str]) -> ssl.SSLContext:
    """What verifies the server. Read anew for each fetch, since the files may have changed."""
    if not trust:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for file in trust:
        context.load_verify_locations(cafile=file)
    return context


def _bracketed(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip
