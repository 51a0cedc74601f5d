"""Several identifiers, asked in order: what a list under `identifier` in the configuration becomes."""

from collections.abc import Sequence

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.kind import Identifier, Unidentified


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
