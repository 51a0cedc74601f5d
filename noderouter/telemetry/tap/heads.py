"""The heads of a request and its response, for a viewer who asks for them: bounded, and without secrets.

A field that may hold one is shown with `MASK` in the place of its value, whatever that is, so that not even its length
is told. What is masked in any case is in `SECRET`; the configuration adds to it (`admin.tap.maskedFields`).
"""

from collections.abc import Iterable
from typing import Any, Final

from noderouter.core.exchange import Exchange
from noderouter.core.message import VERSIONS, Message
from noderouter.telemetry.record import text

SECRET: Final = frozenset(
    (b"authorization", b"proxy-authorization", b"cookie", b"cookie2", b"set-cookie", b"set-cookie2")
)
"""Names of fields, in lower case; `_` in the place of a `-` makes no other name: it is the same behind CGI."""
MASK: Final = "***"
FIELDS: Final = 100
"""Fields of one head that are shown."""
BYTES: Final = 4096
"""Of names and values of one head that are shown."""


def heads(exchange: Exchange, masked: frozenset[bytes]) -> dict[str, Any]:
    """Return `request_head` and `response_head`: fields as pairs of name and value; the latter None without response.

    `masked` are names in lower case, `SECRET` among them.
    """
    response = exchange.response
    return {
        "request_head": {
            "version": VERSIONS.get(exchange.version, b"HTTP/2").decode("ascii"),
            **fields(exchange, masked),
        },
        "response_head": None if response is None else {"reason": text(response.reason), **fields(response, masked)},
    }


def fields(message: Message, masked: frozenset[bytes]) -> dict[str, Any]:
    """Return the fields of a head in their order, reserved ones last; `cut` is whether there are more."""
    shown: list[tuple[str | None, str | None]] = []
    left = BYTES
    for name, value in _items(message):
        folded = name.strip(b" \t").lower()
        secret = folded in masked or folded.replace(b"_", b"-") in masked
        left -= len(name) + (len(MASK) if secret else len(value))
        if left < 0 or len(shown) == FIELDS:
            return {"fields": shown, "cut": True}
        shown.append((text(name), MASK if secret else text(value)))
    return {"fields": shown, "cut": False}


def _items(message: Message) -> Iterable[tuple[bytes, bytes]]:
    for line in message.block.split(b"\r\n"):
        if line:
            name, _, value = line.partition(b":")
            yield name, value.strip(b" \t")
    yield from message.reserved or ()
