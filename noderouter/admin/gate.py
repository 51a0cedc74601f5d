"""Who may see and do what at the admin interface, where `admin.token` is configured: the one table, and the question.

Open to everybody who reaches a port is what `OPEN` has: whether the router lives and is ready, its metrics, and the way
in. All the rest wants proof: a token (`Authorization: Bearer`, or `TOKEN_FIELD` where something between takes the first
for itself, as the API server's proxy does), or the cookie of somebody who has logged in. It does not matter where a
request comes from: what `kubectl port-forward` brings comes from loopback, and on the node's network so does everybody.

The summaries of nodes, which are on the port for probes as well, may also be had with what routers show each other.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from noderouter.admin.message import Request
from noderouter.admin.token import PEER_SCHEME, AdminToken
from noderouter.telemetry.telemeter.kind import OPENMETRICS_PATH

LOGIN: Final = "/login"
COOKIE: Final = "noderouter"
TOKEN_FIELD: Final = "x-noderouter-token"

HEALTH: Final = ("/livez", "/readyz", "/healthz", "/captured", "/admin/ping")
METRICS: Final = ("/admin/metrics.json", "/metrics.json", OPENMETRICS_PATH)
OPEN: Final = frozenset((*HEALTH, *METRICS, LOGIN))
"""Paths without a token, beside the configured expositions of metrics, and style and scripts of the dashboard."""
STATIC: Final = "/static/"


class Gate:
    """Asks for proof."""

    def __init__(self, token: AdminToken, expositions: Iterable[str], peers: Iterable[str]) -> None:
        """`expositions` are paths of metrics, `peers` what the routers of other nodes may have."""
        self.token = token
        self._open = OPEN.union(expositions)
        self._peers = frozenset(peers)

    def is_open(self, path: str) -> bool:
        """Whether anybody may have what is at `path`."""
        return path in self._open or path.startswith(STATIC)

    def lets(self, request: Request) -> bool:
        """Whether a request may have what it asks for."""
        if self.is_open(request.path):
            return True
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.token.matches(shown.strip(" "))
        if scheme.lower() == PEER_SCHEME:
            return request.path in self._peers and self.token.is_summary(shown.strip(" "))
        if TOKEN_FIELD in request.headers:
            return self.token.matches(request.headers[TOKEN_FIELD])
        sessions = sessions_of(request.headers)
        return len(sessions) == 1 and self.token.is_session(sessions[0])

    def shows_proof(self, request: Request) -> bool:
        """Whether a request has tried to show any: what is wrong then is worth a line in the log."""
        headers = request.headers
        return "authorization" in headers or TOKEN_FIELD in headers


def sessions_of(headers: Mapping[str, str]) -> list[str]:
    """Return what a browser has in cookies of our name, each once; more than one cannot be ours.

    Cookies know no ports, so others of the same host may stand beside it (RFC 6265 section 8.5), in any form: those are
    stepped over, where `http.cookies` would give up. One of our name another server of the domain may have set; the
    browser does not say who has set which.
    """
    found: dict[str, None] = {}
    for each in headers.get("cookie", "").split(";"):
        name, _, value = each.partition("=")
        if name.strip(" \t") == COOKIE:
            found[value.strip(" \t")] = None
    return list(found)
