"""A log that is set up as a router's."""

import io
from collections.abc import Iterator

import pytest
import structlog

from noderouter.telemetry import log


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error, to which a router's log goes."""
    monkeypatch.setattr(log, "levels", log.Levels())
    stream = io.StringIO()
    log.configure(stream=stream)
    yield stream
    structlog.reset_defaults()
