"""Levels, rate limit, and the two forms of a line."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from noderouter.telemetry import log


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test its own levels, and structlog back as it was."""
    monkeypatch.setattr(log, "levels", log.Levels())
    yield
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_level_time_and_logger(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.get("noderouter.a").info("thing.happened", port=4140)
    (event,) = events(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "thing.happened", "level": "info", "logger": "noderouter.a", "port": 4140}


def test_a_logger_may_be_made_before_logging_is_set_up(stream: io.StringIO) -> None:
    logger = log.get("noderouter.a")
    log.configure(stream=stream)
    logger.warning("x")
    structlog.get_logger().error("y")
    assert [event["logger"] for event in events(stream)] == ["noderouter.a", "root"]


def test_exceptions_and_foreign_values_become_text(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    try:
        raise OSError("no such thing")
    except OSError:
        log.get("a").exception("x", raw=b"\xff")
    (event,) = events(stream)
    assert event["level"] == "error"
    assert "OSError: no such thing" in event["exception"]
    assert event["raw"] == "b'\\xff'"


def test_text_for_people(stream: io.StringIO) -> None:
    log.configure(stream=stream, as_json=False)
    log.get("a").info("thing.happened", port=4140)
    assert "thing.happened" in stream.getvalue()
    assert "port=4140" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_no_value_is_longer_than_anybody_reads(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.get("a").warning("x", short="s" * log.MAX_CHARACTERS, long="l" * 60_000, number=1)
    (event,) = events(stream)
    assert event["short"] == "s" * log.MAX_CHARACTERS
    assert event["long"] == "l" * log.MAX_CHARACTERS + "…"


def test_what_a_stranger_says_forges_no_line_and_commands_no_terminal(stream: io.StringIO) -> None:
    log.configure(stream=stream, as_json=False)
    log.get("a").warning("x", reason="a\n2026:[info]:forged\x1b[2J\x9b", plain="müde")
    assert stream.getvalue().count("\n") == 1
    assert not set("\x1b\x9b") & set(stream.getvalue())
    assert r"reason=a\n2026:[info]:forged\x1b[2J\x9b" in stream.getvalue()
    assert "müde" in stream.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_what_stands_for_lines_that_were_dropped(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", stream)
    line = log.lost(7)
    assert line.endswith("\n")
    if terminal:
        assert "[warning  ] log.dropped lines=7" in line
    else:
        event = json.loads(line)
        assert event.pop("timestamp").endswith("Z")
        assert event == {"event": "log.dropped", "level": "warning", "logger": "root", "lines": 7}


def test_a_process_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    log.configure()
    log.get("a").warning("said to nobody")
    assert json.loads(log.lost(1))["lines"] == 1


def test_levels_are_inherited_by_dotted_name(stream: io.StringIO) -> None:
    log.configure("WARNING", stream=stream)
    quiet, loud = log.get("a.b"), log.get("c")
    quiet.info("1")
    log.levels.set("a", "DEBUG")
    quiet.debug("2")
    loud.info("3")
    log.levels.set("a.b", "OFF")
    quiet.critical("4")
    assert [event["event"] for event in events(stream)] == ["2"]
    assert [log.levels.of(name) for name in ("a", "a.b", "a.x", "c", "root")] == [
        "DEBUG",
        "OFF",
        "DEBUG",
        "WARNING",
        "WARNING",
    ]


def test_loggers_are_listed_and_unknown_ones_refused() -> None:
    log.get("b")
    log.get("a.x")
    assert log.levels.known() == ["root", "a.x", "b"]
    with pytest.raises(KeyError):
        log.levels.set("c", "INFO")
    with pytest.raises(KeyError):
        log.levels.set("a.xx", "INFO")
    with pytest.raises(ValueError, match="LOUD"):
        log.levels.set("b", "LOUD")


def passes(limit: log.RateLimit, name: str) -> dict[str, Any] | None:
    try:
        return dict(limit(None, "info", {"event": name}))
    except structlog.DropEvent:
        return None


def test_too_many_events_of_a_name_are_counted_instead() -> None:
    now = 0.0
    limit = log.RateLimit(lambda: now)
    assert [passes(limit, "x") is not None for _ in range(log.BURST + 5)] == [True] * log.BURST + [False] * 5
    assert passes(limit, "y") == {"event": "y"}
    now = log.PERIOD
    assert passes(limit, "x") == {"event": "x", "suppressed": 5}
    assert passes(limit, "x") == {"event": "x"}


def test_the_rate_limit_remembers_a_bounded_number_of_names() -> None:
    limit = log.RateLimit(lambda: 0.0)
    passed = sum(passes(limit, f"event {n}") is not None for n in range(log.NAMES * 2))
    assert passed == log.NAMES + log.BURST
    assert len(limit._seen) == log.NAMES + 1


def test_listeners_see_what_is_written_as_it_is_and_change_no_line(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    seen: list[dict[str, Any]] = []

    def listen(event: log.Event) -> None:
        seen.append(dict(event))

    log.listeners.add(listen)
    log.get("a").warning("x", port=1)
    log.get("a").debug("y")
    log.listeners.remove(listen)
    log.get("a").warning("z")
    assert seen == [{"event": "x", "level": "warning", "logger": "a", "port": 1}]
    assert [event["event"] for event in events(stream)] == ["x", "z"]
