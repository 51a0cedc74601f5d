"""One request as a line for people: when, what came of it, how long it took, what was asked for, who answered."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from noderouter.commands.look.output import one_line
from noderouter.core.grpc import FAULTS

RED: Final = 31
YELLOW: Final = 33
BOLD: Final = 1
SLOW_MS: Final = 1000.0
"""From here on a request counts as slow, as in the dashboard."""
_INDENT: Final = " " * 14

Tint = Callable[[int, str], str]
Record = Mapping[str, Any]


def lines(record: Record, tint: Tint, node: str = "") -> Iterator[str]:
    """Yield the line of a record (docs/logs.md); below it each try where there were several, and the heads that it has.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no such record.
    """
    duration = record["duration_ms"]
    called = record.get("grpc_status")
    failed = record["error"] is not None or (record["status"] or 0) >= 500 or called in FAULTS
    slow = duration is not None and duration >= SLOW_MS
    result = tint(RED if failed else BOLD, f"{record['status'] or '-'!s:>3}")
    took = f"{_ms(duration):>11}"
    parts = [
        str(record["time"])[11:23],
        result,
        tint(YELLOW, took) if slow else took,
        f"{_shown(record['method'] or record['kind']):<7}",
        _shown(record["service"] or record["authority"]),
    ]
    if record["path"]:
        parts.append(_shown(record["path"]))
    if record["endpoint"]:
        parts.append(f"-> {_shown(record['endpoint'])}")
    parts.append(f"from {_shown(record['source'])}")
    if called:
        parts.append(tint(RED if failed else YELLOW, f"grpc {_shown(called)}"))
    if record["error"] is not None:
        parts.append(tint(RED, _shown(record["error"])))
    if record["attempts"] > 1:
        parts.append(tint(YELLOW, f"{record['attempts']} tries"))
    if node:
        parts.append(f"on {node}")
    yield "  ".join(parts)
    if record["attempts"] > 1:
        yield from (_try(each, tint) for each in record["tries"])
    yield from _head(record.get("request_head"), ">")
    yield from _head(record.get("response_head"), "<")


def _try(attempt: Record, tint: Tint) -> str:
    called = attempt.get("grpc_status")
    said = attempt["error"] or (f"grpc {called}" if called else attempt["status"]) or "-"
    failed = attempt["error"] is not None or (attempt["status"] or 0) >= 500 or called in FAULTS
    words = f"{_shown(attempt['endpoint'])} {_shown(said)}"
    behind = f"after {_ms(attempt['after_ms'])}, {_ms(attempt['duration_ms'])}"
    return f"{_INDENT}try {tint(RED, words) if failed else words} {behind}"


def _head(head: Record | None, mark: str) -> Iterator[str]:
    if head is not None:
        for name, value in head["fields"]:
            yield f"{_INDENT}{mark} {_shown(name)}: {_shown(value)}"
        if head.get("cut"):
            yield f"{_INDENT}{mark} ..."


def _shown(value: object) -> str:
    return one_line("-" if value is None else str(value))


def _ms(value: float | None) -> str:
    if value is None:
        return "- ms"
    return f"{float(value):,.0f} ms" if value >= 100 else f"{float(value):.3g} ms"
