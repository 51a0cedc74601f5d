"""A view as a page for browsers: whole without a script, which only refreshes it, sorts, and knows keys.

One sheet, ES modules of our own, nothing inline. `data-made` says of which version all of it is, for the script puts no
view into a page of another one. Tables carry what the script needs: `data-key` on rows, `data-k` (the column) and
`data-s` (what it is sorted by) on cells.
"""

from collections.abc import Iterator
from time import gmtime, strftime
from typing import Final
from urllib.parse import parse_qsl, urlencode

from noderouter.admin.dashboard.assets import PREFIX, address, made
from noderouter.admin.dashboard.contents import CONTENTS, KEYS
from noderouter.admin.dashboard.numbers import duration
from noderouter.admin.dashboard.render.drawing import mark
from noderouter.admin.dashboard.render.element import Element, element, here, joined
from noderouter.admin.dashboard.render.parts import part
from noderouter.admin.dashboard.view import Frame, Problem, State, View
from noderouter.admin.dashboard.whose import ALL, with_all

SCRIPTS: Final = {
    "requests": ("requests.js",),
    "graph": ("graph.js",),
    "names": ("names.js",),
    "service": ("charts.js",),
}
"""What a view loads beside `app.js`, `table.js` and `go.js`."""


def page(view: View, frame: Frame) -> Iterator[str]:
    """Yield the page, piece by piece."""
    active = "services" if view.name == "service" else view.name
    yield f'<!doctype html>\n<html lang="en" data-view="{view.name}" data-made="{made()}">'
    yield _head(view, frame).markup
    yield "<body>"
    yield element("a", "Skip to the content", href="#main", class_="skip").markup
    yield _top(active, frame).markup
    yield '<main id="main" tabindex="-1">'
    yield element("h1", view.title, id="title", class_="mono" if view.mono else None).markup
    yield element("p", view.about or _about(frame), class_="sub", id="about").markup
    if view.problems:
        yield wrongs(view.problems).markup
    for each in view.parts:
        for piece in part(each, frame.path, frame.at):
            yield piece.markup
    if view.name == "error" and view.links:
        links = [element("li", element("a", each.what, href=here(each.path))) for each in view.links]
        yield element("ul", links).markup
    yield "</main>"
    yield _foot(frame).markup
    yield _keys().markup
    yield "</body></html>\n"


def _about(frame: Frame) -> str:
    return f"up {duration(frame.uptime_seconds)}, {_clock(frame)}"


def _clock(frame: Frame) -> str:
    return strftime("%H:%M:%S", gmtime(frame.at)) + " UTC"


def _head(view: View, frame: Frame) -> Element:
    modules = ("app.js", "table.js", "go.js", *SCRIPTS.get(view.name, ()))
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{view.title} · {frame.node} · noderouter"),
        element("link", rel="icon", href="data:,"),
        element("link", rel="stylesheet", href=here(address("dashboard.css"))),
        element("script", src=here(address("theme.js"))),
        [element("script", type="module", src=here(PREFIX + each)) for each in modules],
    )


def _top(active: str, frame: Frame) -> Element:
    entries = [each for each in CONTENTS if each.path in frame.views]
    nav = []
    for each in entries:
        wrong = frame.wrong.get(each.name, 0)
        count = element("b", str(wrong), element("span", " wrong", class_="vh")) if wrong else None
        current = "page" if each.name == active else None
        nav.append(
            element(
                "a",
                each.label,
                count,
                href=here(_kept(each.path, frame)),
                aria_current=current,
                data_view=each.name,
                data_g=each.key,
            )
        )
    stamp = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(frame.at))
    tools = element(
        "div",
        _switch(frame),
        element(
            "span", "as of ", element("time", _clock(frame), datetime=stamp), id="heard", role="status", aria_live="off"
        ),
        element("button", "Pause", type="button", id="pause", class_="plain", hidden=True),
        element("button", "Theme", type="button", id="theme", class_="plain", hidden=True),
        element(
            "button",
            element("kbd", "?"),
            element("span", " keys", class_="vh"),
            type="button",
            id="keys",
            class_="plain",
            hidden=True,
        ),
        class_="tools",
    )
    who = element("div", frame.node, element("span", f"noderouter {frame.version}", class_="v"), class_="who")
    bar = element("div", who, element("nav", nav, class_="nav", aria_label="Views"), tools, class_="bar")
    return element("header", bar, class_="top")


def _kept(path: str, frame: Frame) -> str:
    """Return the address of another view: who looks at all nodes goes on to."""
    return with_all(path) if frame.nodes == ALL else path


def _switch(frame: Frame) -> Element | None:
    """Return the way from this node to all of them, and back; None where there is none."""
    if not frame.nodes:
        return None
    if frame.nodes == ALL:
        page, _, query = frame.path.partition("?")
        rest = urlencode([pair for pair in parse_qsl(query) if pair[0] != "nodes"])
        return element(
            "a", "This node alone", href=here(f"{page}?{rest}" if rest else page), id="nodes", class_="plain"
        )
    return element("a", "All nodes", href=here(with_all(frame.path)), id="nodes", class_="plain")


def wrongs(problems: tuple[Problem, ...]) -> Element:
    """Return the list of what is wrong."""
    return element("ul", [_problem(each) for each in problems], class_="wrong", id="wrong")


def _problem(problem: Problem) -> Element:
    what = (
        element("a", problem.what, href=here(problem.path), class_="mono what")
        if problem.path
        else element("span", problem.what, class_="mono what")
    )
    since = strftime("%H:%M", gmtime(problem.since)) if problem.since is not None else ""
    return element(
        "li",
        mark(problem.state, problem.word),
        what,
        element("span", problem.text, class_="say"),
        element("span", element("span", "since ", class_="vh") if since else None, since, class_="since"),
        class_=problem.state.value if problem.state is not State.OK else None,
    )


def _foot(frame: Frame) -> Element:
    return element(
        "footer",
        element("span", f"up {duration(frame.uptime_seconds)}"),
        element("span", "numbers: the last whole 60 s; lines: the last 10 minutes in steps of 10 s"),
        element(
            "span",
            "this page as ",
            element("a", "text", href=here(_as(frame.path, "text"))),
            ", ",
            element("a", "JSON", href=here(_as(frame.path, "json"))),
        ),
        class_="foot",
    )


def _as(path: str, form: str) -> str:
    page, _, query = path.partition("?")
    return f"{page}?{urlencode([*parse_qsl(query), ('as', form)])}"


def _keys() -> Element:
    rows = []
    for keys, what in KEYS:
        shown = ["then " if key == "then" else joined(element("kbd", key), " ") for key in keys.split()]
        rows += [element("dt", shown), element("dd", what)]
    return element(
        "dialog",
        element("h2", "Keys", id="keysh"),
        element("dl", rows, class_="facts"),
        element(
            "p",
            element("label", element("input", type="checkbox", id="single", checked=True), " keys of one letter"),
        ),
        element("p", element("button", "Close", type="button", id="keysx")),
        id="keysd",
        aria_labelledby="keysh",
    )
