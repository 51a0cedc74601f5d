"""The lines of `io.l5d.tracelog`."""

import io
import json
from typing import Any

import pytest

from noderouter.core.context import Trace
from noderouter.core.errors import ConnectError
from noderouter.core.message import Response
from noderouter.telemetry import log
from noderouter.telemetry.tracelog import LOGGER, TraceLog
from tests.noderouter.telemetry.test_recent import done

TRACE = Trace(0xA, 0xB, 0xC)


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_what_is_said_of_a_request(stream: io.StringIO) -> None:
    exchange = done("<b>\n")
    exchange.response = Response(204, b"No Content", b"", 0)
    exchange.started, exchange.done_at = 5.0, 5.25
    TraceLog(0, "WARNING").ended(exchange, "out", Trace(0xA, 0xB, 0xC, 0, 0xD), None)
    (event,) = events(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "trace.span",
        "level": "warning",
        "logger": LOGGER,
        "trace": "000000000000000d000000000000000a",
        "span": "000000000000000b",
        "parent": "000000000000000c",
        "router": "out",
        "source": "10.0.0.9:5",
        "server": "[fd00::1]:4140",
        "method": "GET",
        "service": r"/svc/\x3c\x62\x3e\x0a",
        "client": r"/#/io.l5d.fs/\x3c\x62\x3e\x0a",
        "destination": "10.0.0.7:80",
        "status": 204,
        "error": None,
        "milliseconds": 250.0,
    }


def test_a_request_that_failed_says_why(stream: io.StringIO) -> None:
    TraceLog(0, "INFO").ended(done(), "out", TRACE, ConnectError("no"))
    (event,) = events(stream)
    assert (event["status"], event["error"]) == (None, "ConnectError")


def test_every_line_is_written_however_many(stream: io.StringIO) -> None:
    tracelog = TraceLog(0, "INFO")
    for _ in range(10 * log.BURST):
        tracelog.ended(done(), "out", TRACE, None)
    assert len(events(stream)) == 10 * log.BURST


@pytest.mark.parametrize(
    ("level", "of_logger", "lines"), [("DEBUG", "INFO", 0), ("TRACE", "ALL", 1), ("FATAL", "OFF", 0)]
)
def test_the_logger_has_a_level_as_others_have(stream: io.StringIO, level: str, of_logger: str, lines: int) -> None:
    tracelog = TraceLog(0, level)
    log.levels.set(LOGGER, of_logger)
    tracelog.ended(done(), "out", TRACE, None)
    assert len(events(stream)) == lines
