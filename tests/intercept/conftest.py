"""Nodes that capture, one for all tests that need one of its kind; and the figures that tests state."""

import os
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.intercept.world import BACKENDS, DEFAULT, VARIANTS, Variant, World, world_of
from tests.testing.pod_network import missing

FIGURES: list[str] = []

State = Callable[[str], None]


def every(variants: tuple[Variant, ...]) -> pytest.MarkDecorator:
    """Run a test on each of these kinds of nodes."""
    return pytest.mark.parametrize("world", variants, indirect=True, ids=str)


ON_ALL = every(VARIANTS)
ON_EACH_BACKEND = every(BACKENDS)
ON_ONE = every((DEFAULT,))


@pytest.fixture(scope="package")
def world(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[World]:
    """A node that captures, of the kind that the test is marked with; one at a time, kept while tests want it."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if names := missing():
        pytest.skip(f"needs {names} (Debian: iproute2 nftables iptables ipset)")
    with world_of(control_plane, request.param) as made:
        yield made


@pytest.fixture
def state(request: pytest.FixtureRequest) -> State:
    """State a figure, under the name of the test."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    return lambda figure: FIGURES.append(f"{name}: {figure}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what router and keeper said: what comes after it on the same node may fail for its reason."""
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and world is not None:
        report.sections.append(("router and keeper", world.node.describe()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures, also where every test has passed."""
    if FIGURES:
        terminalreporter.section("interception: figures")
        for line in FIGURES:
            terminalreporter.write_line(line)
