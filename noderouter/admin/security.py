"""Which endpoints there are, and who may change something (docs/linkerd1.md section 2.2).

An endpoint that is switched off answers 404, as if it were not there. Probes cannot be switched off, only
blacklisted: a pod that hides its diagnostics must still be seen as alive. On the port for probes the groups do not
matter, since what is there is there to be seen; the blacklist does.

Requests that do more than read are refused where a browser sends them on behalf of another site. A browser says so
in `Origin` or `Sec-Fetch-Site`; curl and the like send neither.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from noderouter.admin.config import SecurityConfig

_PORTS = {"http": 80, "https": 443}


class Group(Enum):
    """Groups of endpoints that are switched together."""

    UI = "ui"
    CONTROL = "control"
    DIAGNOSTICS = "diagnostics"
    PROBE = "probe"


def is_blacklisted(security: SecurityConfig, path: str) -> bool:
    """Whether the endpoint `path` exists nowhere."""
    return any(pattern.fullmatch(path) for pattern in security.pathBlacklist)


def is_open(security: SecurityConfig, path: str, group: Group) -> bool:
    """Whether the endpoint `path` exists under these settings."""
    if is_blacklisted(security, path):
        return False
    enabled = {
        Group.UI: security.uiEnabled,
        Group.CONTROL: bool(security.controlEnabled),
        Group.DIAGNOSTICS: security.diagnosticsEnabled,
        Group.PROBE: True,
    }[group]
    return enabled or any(pattern.fullmatch(path) for pattern in security.pathWhitelist)


ELSEWHERE: Final = "refused: the request comes from a page of another site\n"


def is_same_origin(headers: Mapping[str, str], scheme: str) -> bool:
    """Whether a request comes from a page of this very server, or from no page at all."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    host = headers.get("host")
    theirs = _authority(origin)
    return host is not None and theirs is not None and theirs == _authority(f"{scheme}://{host}")


def _authority(origin: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for `null` and for what is no origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port if port is not None else _PORTS[parts.scheme]
