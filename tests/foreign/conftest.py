"""What all of them have: a loopback from which everything is captured."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testing.captured_loopback import Loopback, captured_loopback


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Loopback]:
    """From which all is captured."""
    with captured_loopback(tmp_path) as made:
        yield made
