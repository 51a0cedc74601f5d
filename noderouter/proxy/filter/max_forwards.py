"""How many more hops a TRACE or an OPTIONS may take (RFC 9110 section 7.6.2).

Server side, behind the error reply, and only for requests with reserved fields. Max-Forwards of other methods is passed
on as it came. Where it is 0 this router is the last to see the request, and answers for itself, not for the service:

- OPTIONS: 200 without content.
- TRACE: 200 with what came (RFC 9110 section 9.3.8), which is the request line, `Host` and `Max-Forwards`, and no other
  field: credentials, cookies, and what others have added on the way are nothing for a script at the other end.
"""

import re
from collections.abc import Awaitable
from typing import Final

from noderouter.core.errors import BadMaxForwards
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import VERSIONS, Reserved, Response
from noderouter.core.service import Service

MOST: Final = 999_999_999
"""More is taken for that, as the standard allows."""

_NAME: Final = b"max-forwards"
_NUMBER: Final = re.compile(rb"0*+([0-9]*+)")


class MaxForwards:
    """Counts down, and answers at zero."""

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Go on with one less, if there are any.

        Raises:
            BadMaxForwards: it cannot be understood; nothing was sent on.
        """
        reserved = exchange.reserved
        if reserved is None or exchange.method not in (b"TRACE", b"OPTIONS"):
            return self._service(exchange)
        left = read(reserved)
        if left is None:
            return self._service(exchange)
        if left == 0:
            return answer(exchange)
        fewer = b"%d" % (left - 1)
        exchange.reserved = tuple((name, fewer if name == _NAME else value) for name, value in reserved)
        return self._service(exchange)


def read(reserved: Reserved) -> int | None:
    """The value of Max-Forwards; None where there is none.

    Raises:
        BadMaxForwards: it is no number, or there are two of it.
    """
    values = [value for name, value in reserved if name == _NAME]
    if not values:
        return None
    found = _NUMBER.fullmatch(values[0])
    if found is None or len(values) > 1 or not values[0]:
        raise BadMaxForwards
    digits = found[1]
    return MOST if len(digits) > 9 else int(digits or b"0")  # digits 0 to 9, says the pattern


async def answer(exchange: Exchange) -> None:
    """Be the final recipient."""
    block = content = b""
    if exchange.method == b"TRACE":
        block = b"content-type: message/http\r\n"
        line = b"TRACE %b %b\r\n" % (exchange.target, VERSIONS[exchange.version])
        host = b"Host: %b\r\n" % exchange.authority if exchange.authority is not None else b""
        content = line + host + b"Max-Forwards: 0\r\n\r\n"
    response = exchange.response = Response(200, b"OK", Headers(block), len(content))
    exchange.verdict = Verdict.SUCCESS
    pending = exchange.reply.begin(response, content)
    if pending is not None:
        await pending
