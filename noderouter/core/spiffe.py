"""SPIFFE ids: who a workload is, as a URI (SPIFFE-ID, section 2)."""

import re
from typing import Final

SCHEME: Final = "spiffe:"
MOST: Final = 2048
"""Characters of an id."""
_ID: Final = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+")


def is_spiffe(uri: str) -> bool:
    """Whether a URI says that it is an id, well-formed or not: schemes have no case (RFC 3986 section 3.1)."""
    return uri[: len(SCHEME)].lower() == SCHEME


def is_workload(uri: str) -> bool:
    """Whether a URI is the id of a workload: a trust domain and a path, and nothing that could be read in two ways.

    So neither a port, a query, an escape or an empty segment, nor one of dots, nor capitals in the trust domain.
    """
    return len(uri) <= MOST and _ID.fullmatch(uri) is not None
