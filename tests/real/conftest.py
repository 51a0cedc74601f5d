"""The figures that these tests state."""

import pytest

from tests.testing.figures import Figures, State

FIGURES = Figures("real nodes: figures")


@pytest.fixture
def state(request: pytest.FixtureRequest) -> State:
    """State a figure, under the name of the test."""
    return FIGURES.state(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures, also where every test has passed."""
    FIGURES.write(terminalreporter)
