"""Adds `Forwarded` to requests: who sent them and what they were sent to (RFC 7239; docs/linkerd1.md section 5.2).

Server side, only where `addForwardedHeader` is configured. The field is appended behind those that earlier proxies
wrote. How `by` and `for` name the two ends is a label, see `forwarded_label`.

On servers with `clearContext` those fields of earlier proxies, and `X-Forwarded-*`, are a stranger's word, and are
dropped: what is behind the router takes them for the client's address.

Other than Linkerd: a host with a port is quoted, as section 4 of the RFC wants, and `proto` is always there.
"""

import re
from collections.abc import Awaitable
from typing import Final

from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.proxy.filter.forwarded_label import Label

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_QUOTABLE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_CLAIM: Final = re.compile(rb"(?:(?<=\n)|\A)(?i:forwarded|x[-_]forwarded[-_][^:\r\n]*):[^\r\n]*\r\n")
"""Such a field line; to what is behind CGI or WSGI, `_` is the same as `-`."""


class DropForwarded:
    """Drops the client's word about clients before it."""

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Drop, then go on."""
        block = exchange.block
        left = _CLAIM.sub(b"", block)
        if len(left) != len(block):
            exchange.headers.block = left
        return self._service(exchange)


class Forwarded:
    """Appends one `Forwarded` field."""

    __slots__ = ("_by", "_for", "_service")

    def __init__(self, service: Service, by: Label, for_: Label) -> None:
        self._service = service
        self._by = by
        self._for = for_

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Append it, then go on."""
        peer, local = exchange.peer_address, exchange.local_address
        host = quoted(exchange.authority) if exchange.authority else None
        exchange.request_fields += b"forwarded: by=%b;for=%b%b;proto=%b\r\n" % (
            self._by(local, peer),
            self._for(peer, local),
            b"" if host is None else b";host=" + host,
            exchange.scheme,
        )
        return self._service(exchange)


def quoted(value: bytes) -> bytes | None:
    """`value` as a token or a quoted string (RFC 9110 section 5.6.4); None where neither can hold it."""
    if _TOKEN.fullmatch(value) is not None:
        return value
    if _QUOTABLE.fullmatch(value) is None:
        return None
    return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
