"""One installation for all tests of this folder, and the figures that they state."""

from collections.abc import Iterator

import pytest

from tests.charts.release import Release
from tests.cluster.cluster import Cluster
from tests.testing.figures import Figures, State

NAMESPACE = "noderouter"

FIGURES = Figures("end to end: figures")


@pytest.fixture(scope="package")
def installed(cluster: Cluster) -> Iterator[Release]:
    """The chart with its default values, under the names of the documentation."""
    cluster.control_plane.kubectl("create", "namespace", NAMESPACE)
    try:
        with Release.installed(cluster, NAMESPACE, "noderouter") as release:
            yield release
    finally:
        cluster.control_plane.kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture
def mesh(installed: Release) -> Iterator[Release]:
    """The same; the dtab is put back when the test has ended."""
    dtab = installed.dtab()
    yield installed
    if installed.dtab() != dtab:
        installed.write_dtab(dtab)


@pytest.fixture
def state(request: pytest.FixtureRequest) -> State:
    """State a figure, under the name of the test."""
    return FIGURES.state(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures, also where every test has passed."""
    FIGURES.write(terminalreporter)
