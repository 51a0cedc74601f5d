"""How much a router says of itself, and others take from it."""

from typing import Final

FORMAT: Final = 1
SUMMARY_BYTES: Final = 256 * 1024
"""Of a whole summary."""
SERVICES: Final = 50
ENDPOINTS: Final = 100
"""Of all clients together."""
EDGES: Final = 100
FEW: Final = 16
"""Routers, dtabs, problems."""
BRANCHES: Final = 8
ERRORS: Final = 4
TEXT: Final = 200
"""Characters of a text; of a name, an address or a path."""
NESTED: Final = ("services", "usual", "leads", "errors", "clients", "trouble", "endpoints", "details", "edges")
"""Members that are objects by router, and within these by name."""
AND: Final = "\n"
"""Between two names that are one key: a service and its client, a client and its endpoint, a source and a service."""
