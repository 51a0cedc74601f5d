"""The figures that these tests state.

They install the chart with interception, for themselves: its routers have the nodes' ports, which that of
`tests/e2e_cluster/` would have, too.
"""

import pytest

from tests.testing.figures import Figures, State

FIGURES = Figures("end to end, captured: figures")


@pytest.fixture
def state(request: pytest.FixtureRequest) -> State:
    """State a figure, under the name of the test."""
    return FIGURES.state(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures, also where every test has passed."""
    FIGURES.write(terminalreporter)
