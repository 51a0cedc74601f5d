"""`/login`: where a browser shows the token once, and is given a cookie. Only where `admin.token` is configured.

The cookie has proof of the token and not the token, for some hours; no script reads it, and no page of another site has
it sent. (Cookies know no ports: what else is served at the same host is sent it as well.)
"""

from dataclasses import replace
from typing import Final

from noderouter.admin.dashboard.page import GUARDED, posted
from noderouter.admin.dashboard.query import BadQuery
from noderouter.admin.dashboard.render.element import Element, element
from noderouter.admin.gate import COOKIE, LOGIN, sessions_of
from noderouter.admin.message import HTML, Request, Response, text
from noderouter.admin.state import AdminState
from noderouter.admin.token import SESSION_SECONDS

CHALLENGE: Final = ("www-authenticate", 'Bearer realm="noderouter"')
_WORDS: Final = "a token is needed: `Authorization: Bearer <token>`; see `admin.token` in the configuration\n"
_AMBIGUOUS: Final = (
    f"There is more than one cookie called {COOKIE}, and which is this router's cannot be told. Another server of the "
    "domain has set one: delete them in the browser, and log in again."
)


async def form(_state: AdminState, request: Request) -> Response:
    """Show the form."""
    return _page(request, 200)


async def log_in(state: AdminState, request: Request) -> Response:
    """Give a browser that shows the token a cookie, and lead it where it wanted to go; `out` takes the cookie back."""
    assert state.gate is not None
    try:
        fields = posted(request)
    except BadQuery as bad:
        return text(f"{bad}\n", 400)
    if "out" in fields:
        return _led(request, "/", _cookie(request, "", 0))
    if not state.gate.token.matches(fields.get("token", "")):
        return _page(replace(request, path=fields.get("to", "/")), 401, "This is not the token.", action=LOGIN)
    return _led(request, fields.get("to", "/"), _cookie(request, state.gate.token.session(), SESSION_SECONDS))


def refused(request: Request) -> Response:
    """Answer who shows no proof: the form to a browser that looks at a page, words to all others."""
    ambiguous = len(sessions_of(request.headers)) > 1
    if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
        return _page(request, 401, _AMBIGUOUS if ambiguous else "")
    return text(f"{_AMBIGUOUS}\n" if ambiguous else _WORDS, 401, (CHALLENGE,))


def _led(request: Request, to: str, cookie: str) -> Response:
    """Answer with a cookie, and a way on within this server."""
    inside = (
        to if to.startswith("/") and not to.startswith(("//", "/\\")) and to.isascii() and to.isprintable() else "/"
    )
    return replace(text("", 303), headers=(("location", f".{inside}"), ("set-cookie", cookie)))


def _cookie(request: Request, value: str, seconds: int) -> str:
    secure = "; Secure" if request.scheme == "https" else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _page(request: Request, status: int, wrong: str = "", action: str | None = None) -> Response:
    to = request.path if request.path != LOGIN else "/"
    up = "../" * ((action or request.path).count("/") - 1)
    body = element(
        "form",
        element("h1", "noderouter"),
        element("p", wrong or "This router shows more to who has its token.", role="alert" if wrong else None),
        element("label", "Token ", element("input", type="password", name="token", autocomplete="current-password")),
        element("input", type="hidden", name="to", value=to),
        element("button", "Log in", type="submit"),
        " ",
        element("button", "Log out", type="submit", name="out", value="1"),
        method="post",
        action=f"./{up}login",
    )
    style = element("link", rel="stylesheet", href=f"./{up}static/dashboard.css")
    markup = f'<!doctype html>\n<html lang="en">{_head(style).markup}<body><main>{body.markup}</main></body></html>\n'
    return Response(
        status, markup.encode("utf-8", "replace"), HTML, (*GUARDED, CHALLENGE) if status == 401 else GUARDED
    )


def _head(style: Element) -> Element:
    viewport = element("meta", name="viewport", content="width=device-width, initial-scale=1")
    return element("head", element("meta", charset="utf-8"), viewport, element("title", "noderouter: log in"), style)
