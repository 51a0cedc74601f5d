"""The style and the scripts: read once, served with a tag of their content, and kept by browsers as long as it stays.

/static/dashboard.css?v=<hash>      kept for a year: other content has another address
/static/app.js                      a module, under the one address by which others import it: else it would run once
                                    for each address. Asked for again each time, and mostly not sent
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from noderouter.admin.message import Request, Response
from noderouter.admin.state import AdminState

PREFIX: Final = "/static/"
TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
NAMES: Final = (
    "app.js",
    "charts.js",
    "dashboard.css",
    "draw.js",
    "go.js",
    "graph.js",
    "names.js",
    "requests.js",
    "table.js",
    "theme.js",
    "view.js",
)
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    content_type: str
    tag: str


@cache
def asset(name: str) -> Asset:
    """Return one of `NAMES`."""
    body = files("noderouter.admin.dashboard.static").joinpath(name).read_bytes()
    return Asset(body, TYPES[name[name.rindex(".") :]], sha256(body).hexdigest()[:16])


def address(name: str) -> str:
    """Return where a page loads a style or a script that is no module from."""
    return f"{PREFIX}{name}?v={asset(name).tag}"


@cache
def made() -> str:
    """Return what stands for the content of all of them together."""
    return sha256("".join(asset(name).tag for name in NAMES).encode()).hexdigest()[:16]


async def serve(name: str, _state: AdminState, request: Request) -> Response:
    """Answer a file; 304 where the browser has it."""
    found = asset(name)
    tag = f'"{found.tag}"'
    kept = _FOREVER if request.query.get("v") == found.tag else _ASK
    headers = (("etag", tag), ("cache-control", kept))
    if tag in request.headers.get("if-none-match", ""):
        return Response(304, b"", found.content_type, headers)
    return Response(200, found.body, found.content_type, headers)
