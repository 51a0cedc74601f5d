"""What a verified token says of who has sent a request, and how the data plane comes to it.

A filter of the server has the bytes of a token and asks a `Verify`, which answers at once: it has the keys, or it knows
that they may be about to come. Who fetches keys, and how tokens are checked, is in `tokens`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from noderouter.reactor.event import Event

Claims = Mapping[str, Any]
"""The claims of a verified token (RFC 7519 section 4), as JSON has them; to be read only."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that is good."""

    claims: Claims
    fields: bytes = b""
    """Field lines for the endpoint, each with its CRLF."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A token whose key is not known; a fetch is on its way."""

    fetched: Event
    """Set when the fetch is over, whatever has come of it: ask again then."""


Verify = Callable[[bytes], Verified | Unknown]
"""Judges a token (RFC 7515 section 3.1). Raises BadToken for one that is wrong, KeysUnknown where nobody can tell."""
