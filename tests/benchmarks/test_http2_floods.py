"""`benchmarks.http2_floods`: the floods are what they are called, and what is over the bar is said."""

import pytest

from benchmarks import http2_floods as floods
from noderouter.proxy.http2.frames import CONTINUATION, HEADERS, RST_STREAM


def kinds(data: bytes) -> list[int]:
    """Of the frames, one after another."""
    found = []
    while data:
        found.append(data[3])
        data = data[9 + int.from_bytes(data[:3], "big") :]
    return found


def test_the_floods_are_frames() -> None:
    assert kinds(floods.resets(1)) == [HEADERS, RST_STREAM]
    assert kinds(floods.continuations(1) + floods.continuations(3)) == [HEADERS, CONTINUATION, CONTINUATION]
    for flood in floods.FLOODS.values():
        assert kinds(flood(1) + flood(3))


def test_what_is_over_the_bar_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy beside ours may be over it."""
    ours = {"alone": [0.5], "pings": [1.0, 1.3, 1.3], "resets": [1.1]}
    theirs = {"alone": [0.4], "pings": [2.0]}
    assert floods.report({"noderouter": ours, "haproxy": theirs})
    assert capsys.readouterr().out.splitlines() == [
        "noderouter: 0.500 ms alone",
        "  pings           x 1.30 (1.00-1.30)  FAIL",
        "  resets          x 1.10 (1.10-1.10)",
        "haproxy: 0.400 ms alone",
        "  pings           x 2.00 (2.00-2.00)",
    ]
    assert not floods.report({"noderouter": {"alone": [0.5], "resets": [1.2]}, "haproxy": theirs})
