"""The JSON access log: which requests are written, and that each is one line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.errors import ClientGone, IdentificationError
from noderouter.core.exchange import FAILURE, Exchange
from noderouter.proxy.access_log.json import JsonLog
from tests.testing.ended import ATTACK, STARTED, TRACE, ended

NOON = 1_732_276_800.0
HIGH = Trace((1 << 64) - 1, 2, 3)
"""The last that any share has."""


class Written:
    """A log, and what it wrote."""

    def __init__(self, rate: float = 1.0) -> None:
        self.lines: list[bytes] = []
        self.log = JsonLog(self.lines.append, rate, clock=lambda: STARTED + 1, wall=lambda: NOON)

    def end(self, exchange: Exchange, error: BaseException | None = None, trace: Trace = TRACE) -> None:
        self.log.ended(exchange, "out", trace, error)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def test_a_line() -> None:
    written = Written()
    written.end(ended())
    (line,) = written.lines
    assert line.endswith(b'"grpc_status":null}\n')
    (record,) = written.records
    assert (record["path"], record["status"], record["duration_ms"]) == ("/a?b=c", 200, 250.0)
    assert record["time"] == "2024-11-22T11:59:59.000Z"  # a second ago, by the other clock


def test_of_what_goes_well_a_share_is_written() -> None:
    written = Written(0.5)
    for number in range(64):
        written.end(ended(), trace=Trace(number << 58, 2, 3))
    assert [int(record["trace"], 16) >> 58 for record in written.records] == list(range(32))
    assert written.log.left_out == 32


@pytest.mark.parametrize("rate", [0.0, 0.01, 1.0])
def test_what_fails_is_written_in_any_case(rate: float) -> None:
    written = Written(rate)
    written.end(ended(status=500), trace=HIGH)
    written.end(ended(status=None), ClientGone("left"), trace=HIGH)
    written.end(ended(status=502), ConnectionError(), trace=HIGH)
    judged = ended(status=404)
    judged.verdict = FAILURE
    written.end(judged, trace=HIGH)
    written.end(ended(status=400), IdentificationError("which"), trace=HIGH)
    assert [record["status"] for record in written.records] == [500, None, 502, 404, 400]
    assert written.log.left_out == 0
    written.end(ended(), trace=HIGH)
    assert len(written.lines) == (6 if rate == 1.0 else 5)


@given(st.binary(max_size=60) | st.just(ATTACK.encode()), st.binary(max_size=60))
def test_whatever_a_client_sends_a_line_is_one_line(target: bytes, authority: bytes) -> None:
    written = Written()
    written.end(ended(target, authority=authority, method=target[:20]))
    (line,) = written.lines
    assert line.endswith(b"}\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    json.loads(line)
