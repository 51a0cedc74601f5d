"""docs/log-events.md lists the events that the sources write, each with its fields: none missing, none invented."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/log-events.md").read_text()
KEEPER = ROOT / "noderouter/interception/keeper"
SOURCES = [path for top in ("noderouter", "dtab") for path in sorted((ROOT / top).rglob("*.py"))]

WRITERS = {
    "critical", "debug", "error", "exception", "info", "log", "warning",
    "_log", "_line", "_say", "_disarmed", "LogOnce",
}  # fmt: skip
"""What an event may be given to: a logger, `core.background.Log`, and what hands an event on."""
NO_EVENTS = {"admin.probes", "server.address", "server.port", "tls.server_name"}
"""Names of the same form, with a part that has events as well."""
COMMON = {"exc_info", "hint"}
"""A traceback, which the page calls so, and what the line says itself."""

_EVENT = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
_ROW = re.compile(r"^\| `([a-z_.]+)` \|[^|]+\|([^|]*)\|([^|]+)\|", re.MULTILINE)


def strings(node: ast.AST) -> Iterator[str]:
    """The constants in an expression that look like an event."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and _EVENT.fullmatch(inner.value):
            yield inner.value


def constants() -> dict[str, str]:
    """The names that telemetry/log.py gives to events."""
    tree = ast.parse((ROOT / "noderouter/telemetry/log.py").read_text())
    return {
        node.target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and _EVENT.fullmatch(node.value.value)
    }


@cache
def written() -> dict[bool, dict[str, set[str]]]:
    """Events of the router (False) and of the keeper (True), each with the fields that calls name."""
    named = constants()
    found: dict[bool, dict[str, set[str]]] = {False: defaultdict(set), True: defaultdict(set)}
    trees = {path: ast.parse(path.read_text()) for path in SOURCES}
    for path, tree in trees.items():
        events = found[path.is_relative_to(KEEPER)]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function == "LogEvents":  # the names that a stored text is logged under
                for event in strings(node):
                    events.setdefault(event, set())
            if function in WRITERS:
                told = {named[each.id] for each in node.args if isinstance(each, ast.Name) and each.id in named}
                for event in {*told, *(event for each in node.args for event in strings(each))}:
                    events[event] |= {keyword.arg for keyword in node.keywords if keyword.arg}
    for event in named.values():
        found[False].setdefault(event, set())
    parts = {event.partition(".")[0] for events in found.values() for event in events}
    for path, tree in trees.items():  # an event that reaches its writer in a variable is known by its part
        for event in strings(tree):
            if event.partition(".")[0] in parts and event not in NO_EVENTS and not _is_file(event):
                found[path.is_relative_to(KEEPER)].setdefault(event, set())
    return found


def _is_file(text: str) -> bool:
    return text.endswith((".json", ".yaml", ".sock", ".lock", ".py"))


def listed() -> dict[bool, dict[str, str]]:
    """The rows of the page, with their fields, of the router and of the keeper."""
    router, _, keeper = PAGE.partition("## Interception: the keeper")
    return {
        False: {row[0]: row[1] for row in _ROW.findall(router)},
        True: {row[0]: row[1] for row in _ROW.findall(keeper)},
    }


def test_the_page_has_the_events_of_the_sources() -> None:
    events, rows = written(), listed()
    for side in (False, True):  # both write log.dropped; the page has it once
        assert sorted(rows[side]) == sorted(event for event in events[side] if not side or event != "log.dropped")
    assert len(events[False]) > 40


def test_every_field_is_named() -> None:
    events, rows = written(), listed()
    for side in (False, True):
        for event, cells in rows[side].items():
            missing = {field for field in events[side][event] - COMMON if f"`{field}`" not in cells}
            assert not missing, f"{event}: {sorted(missing)}"


def test_every_event_has_a_meaning() -> None:
    assert all(len(meaning.strip()) > 10 for _, _, meaning in _ROW.findall(PAGE))
