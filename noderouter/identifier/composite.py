"""Several identifiers, asked in order; and what a client is told that none of them could name."""

from collections.abc import Sequence
from typing import Final

from dtab import Path
from noderouter.core.errors import IdentificationError
from noderouter.core.exchange import Exchange
from noderouter.identifier.kind import Identifier, Unidentified

_SHOWN_BYTES: Final = 200
"""How much of a target is repeated in an error."""


class FirstOf:
    """The first identifier that has a name wins."""

    __slots__ = ("_identifiers",)

    def __init__(self, identifiers: Sequence[Identifier]) -> None:
        self._identifiers = tuple(identifiers)

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """The first name, or all the reasons why there is none.

        Raises:
            IdentificationError: an identifier refused the exchange; those after it are not asked.
        """
        reasons = []
        for identifier in self._identifiers:
            name = identifier.identify(exchange)
            if isinstance(name, Path):
                return name
            if name.reason not in reasons:
                reasons.append(name.reason)
        return Unidentified("; ".join(reasons))


def first_of(identifiers: Sequence[Identifier]) -> Identifier:
    """One identifier for a list; a single one needs no list."""
    return identifiers[0] if len(identifiers) == 1 else FirstOf(identifiers)


def unknown_destination(exchange: Exchange, unidentified: Unidentified) -> IdentificationError:
    """The error for an exchange without a name, in Linkerd's words."""
    method, target = exchange.method.decode("latin-1"), exchange.target[:_SHOWN_BYTES].decode("latin-1")
    ip, port = exchange.peer_address
    request = f'Request("{method} {target}", from {ip}:{port})'
    return IdentificationError(f"Unknown destination: {request} / {unidentified.reason}")
