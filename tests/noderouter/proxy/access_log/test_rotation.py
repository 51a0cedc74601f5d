"""Roll policies: text, names and when they are due."""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from noderouter.proxy.access_log.rotation import RollPolicy


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text + "+00:00").timestamp()


@pytest.mark.parametrize(
    "text",
    ["", "Never", "weekly", "weekly(0)", "weekly(8)", "weekly( 1)", "3megabytes", "3.megabyte s", "0.bytes", "-1.bytes",
     "1.5.megabytes", "٣.megabytes", "3.MEGABYTES", "daily ", "monthly", "1.petabytes"],
)  # fmt: skip
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(ValueError, match=r"no roll policy: use never, hourly"):
        RollPolicy.parse(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1.byte", 1),
        ("100.bytes", 100),
        ("2.kilobytes", 2048),
        ("3.megabytes", 3 << 20),
        ("1.gigabyte", 1 << 30),
        ("1.terabyte", 1 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    policy = RollPolicy.parse(text)
    assert policy.max_bytes == size
    assert not policy.due(0, 0, 10**15, 1), "a line longer than the limit gets a file, not an endless loop"
    assert not policy.due(0, size, 0, 10**9)
    assert policy.due(0, size, 1, 0)
    assert policy.name(at("2024-11-22T12:34:56")) == "20241122-123456"


def test_never() -> None:
    assert not RollPolicy.parse("never").due(0, 10**15, 10**15, 10**9)


@pytest.mark.parametrize(
    ("text", "written", "name", "same", "next_"),
    [
        ("hourly", "2024-11-22T12:00:00", "20241122-12", "2024-11-22T12:59:59", "2024-11-22T13:00:00"),
        ("daily", "2024-11-22T00:00:00", "20241122", "2024-11-22T23:59:59", "2024-11-23T00:00:00"),
        ("weekly(1)", "2024-11-22T12:00:00", "20241117", "2024-11-23T23:59:59", "2024-11-24T00:00:00"),
        ("weekly(2)", "2024-11-24T12:00:00", "20241118", "2024-11-24T23:59:59", "2024-11-25T00:00:00"),
        ("weekly(6)", "2024-11-22T00:00:00", "20241122", "2024-11-28T23:59:59", "2024-11-29T00:00:00"),
        ("weekly(7)", "2024-12-31T12:00:00", "20241228", "2025-01-03T23:59:59", "2025-01-04T00:00:00"),
    ],
)
def test_periods(text: str, written: str, name: str, same: str, next_: str) -> None:
    policy = RollPolicy.parse(text)
    assert policy.name(at(written)) == name
    assert not policy.due(at(written), 1, 1, at(same))
    assert policy.due(at(written), 1, 1, at(next_))
    assert not policy.due(at(written), 0, 1, at(next_)), "an empty file is not put aside"


def test_periods_are_of_the_local_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XXX+5")
    time.tzset()
    daily = RollPolicy.parse("daily")
    assert daily.name(at("2024-11-22T04:59:59")) == "20241121"
    assert daily.name(at("2024-11-22T05:00:00")) == "20241122"
