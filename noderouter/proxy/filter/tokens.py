"""Who has sent a request, by the token that it shows (`jwt` of a server; RFC 6750, RFC 7519).

Server side, only where it is configured. A token that is wrong ends the request (401), whatever that asks for; one
that is missing leaves `Exchange.claims` at None, and it is for policies to ask for more. So nothing behind this filter
has to look at a token again:

    one token, good         `Exchange.claims`; fields of `forwardClaims` for the endpoint
    its key is not known    waits for the fetch that this begins, `WAIT_SECONDS` at most
    two, or a field twice   400: nobody can tell which is meant
    none                    on it goes

The token is taken out, unless `forward` says otherwise: endpoints should not be able to use what they were shown. The
fields that claims are written to are taken out of every request, in the spelling with `_` as well, which is the same to
what is behind CGI or WSGI: else a stranger could write them. So are other spellings of the fields that tokens come in:
nobody has judged what is there.
"""

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from noderouter.core.claims import Unknown, Verified, Verify
from noderouter.core.errors import AMBIGUOUS, BadToken, KeysUnknown, OverloadError
from noderouter.core.exchange import Exchange
from noderouter.core.headers import lines_called
from noderouter.core.service import Service
from noderouter.reactor.task import Timeout

WAIT_SECONDS: Final = 6.0
"""How long a request may wait for keys: a fetch, and a little."""
MAX_WAITING: Final = 1000
"""Requests of a server that wait for keys at a time."""

_BEARER: Final = re.compile(rb"(?i:bearer)(?![!#$%&'*+\-.^_`|~0-9A-Za-z])(.*)")
AUTHORIZATION: Final = b"authorization"


@dataclass(frozen=True, slots=True)
class TokenField:
    """A field that tokens come in, and who judges them; what is in `authorization` begins with `Bearer`."""

    name: bytes
    verify: Verify
    forward: bool = False


class TokenStats:
    """Counts of one server, plain ints."""

    __slots__ = ("missing", "refused", "waited", "waiting")

    def __init__(self, reasons: Sequence[str]) -> None:
        """`reasons` are those of the `BadToken` that judges raise."""
        self.missing = 0
        self.waited = 0
        self.waiting = 0  # at the moment
        self.refused = dict.fromkeys((*reasons, AMBIGUOUS, "keys"), 0)
        """By reason; `keys` are requests that nobody could judge."""


class Tokens:
    """Judges the token of a request."""

    __slots__ = ("_claimed", "_fields", "_service", "_stats")

    def __init__(
        self, service: Service, fields: Sequence[TokenField], claimed: Sequence[str], stats: TokenStats
    ) -> None:
        """`claimed` are the names of the fields that claims are written to."""
        self._service = service
        self._fields = fields
        respelled = [name for name in (field.name.decode("ascii") for field in fields) if "-" in name or "_" in name]
        self._claimed = lines_called(claimed, respelled) if claimed or respelled else None
        self._stats = stats

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Judge, then go on.

        Raises:
            BadToken: the token is wrong, or there are two.
            KeysUnknown, OverloadError: it cannot be judged now.
        """
        if self._claimed is not None:
            block = exchange.block
            left = self._claimed.sub(b"", block)
            if len(left) != len(block):
                exchange.headers.block = left
        try:
            field, token = self._token(exchange)
            if field is None:
                self._stats.missing += 1
                return self._service(exchange)
            found = field.verify(token)
        except (BadToken, KeysUnknown) as error:
            self._refused(error)
            raise
        if isinstance(found, Unknown):
            return self._when_known(exchange, field, token, found)
        return self._go_on(exchange, field, found)

    def _token(self, exchange: Exchange) -> tuple[TokenField | None, bytes]:
        """The one token of a request, and the field that it is in; None without any."""
        held: TokenField | None = None
        token = b""
        headers = exchange.headers
        for field in self._fields:
            values = headers.get_all(field.name)
            if not values:
                continue
            value: bytes | None = values[0]
            if len(values) > 1:
                raise BadToken(AMBIGUOUS, f"the field {field.name.decode('ascii')} is there more than once")
            if field.name == AUTHORIZATION:
                value = bearer(values[0])
                if value is None:
                    continue
            if held is not None:
                raise BadToken(AMBIGUOUS, "the request has more than one token")
            held, token = field, value or b""
        return held, token

    def _go_on(self, exchange: Exchange, field: TokenField, found: Verified) -> Awaitable[None]:
        if not field.forward:
            exchange.headers.remove(field.name)
        exchange.claims = found.claims
        if found.fields:
            exchange.request_fields += found.fields
        return self._service(exchange)

    async def _when_known(self, exchange: Exchange, field: TokenField, token: bytes, found: Unknown) -> None:
        """Wait for keys, judge, and go on."""
        stats = self._stats
        if stats.waiting >= MAX_WAITING:
            stats.refused["keys"] += 1
            raise OverloadError(f"{MAX_WAITING} requests wait for the keys of issuers of tokens already")
        stats.waited += 1
        stats.waiting += 1
        try:
            with Timeout(WAIT_SECONDS):
                await found.fetched.wait()
        finally:
            stats.waiting -= 1
        try:
            again = field.verify(token)
            if isinstance(again, Unknown):
                raise KeysUnknown(f"the keys of the issuer of the token did not come within {WAIT_SECONDS:g} s")
        except (BadToken, KeysUnknown) as error:
            self._refused(error)
            raise
        await self._go_on(exchange, field, again)

    def _refused(self, error: BadToken | KeysUnknown) -> None:
        reason = error.reason if isinstance(error, BadToken) else "keys"
        self._stats.refused[reason] += 1


def bearer(value: bytes) -> bytes | None:
    """The token in a value of `authorization` (RFC 6750 section 2.1); None where that is of another scheme."""
    found = _BEARER.fullmatch(value)
    return None if found is None else found[1].lstrip(b" ")
