"""Nodes that capture, one for all tests that need one of its kind; and the figures that tests state."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.intercept.world import BACKENDS, DEFAULT, VARIANTS, Variant, World, Worlds
from tests.testing.pod_network import missing

FIGURES: list[str] = []

State = Callable[[str], None]


def every(variants: tuple[Variant, ...]) -> pytest.MarkDecorator:
    """Run a test on each of these kinds of nodes."""
    return pytest.mark.parametrize("worlds", variants, indirect=True, ids=str)


ON_ALL = every(VARIANTS)
ON_EACH_BACKEND = every(BACKENDS)
ON_ONE = every((DEFAULT,))


@pytest.fixture(scope="package")
def worlds(request: pytest.FixtureRequest, control_plane: ControlPlane) -> Iterator[Worlds]:
    """Nodes of the kind that the test is marked with; one at a time, kept while tests want it."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if names := missing():
        pytest.skip(f"needs {names} (Debian: iproute2 nftables iptables ipset)")
    with closing(Worlds(control_plane, request.param)) as made:
        yield made


@pytest.fixture
def world(worlds: Worlds) -> World:
    """A node that captures, as it was found by the test before."""
    return worlds.get()


@pytest.fixture
def state(request: pytest.FixtureRequest) -> State:
    """State a figure, under the name of the test."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    return lambda figure: FIGURES.append(f"{name}: {figure}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what router and keeper said, and give the tests after it another node."""
    report = yield
    worlds = getattr(item, "funcargs", {}).get("worlds")
    if report.failed and worlds is not None:
        report.sections.append(("router and keeper", worlds.describe()))
        worlds.close()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures, also where every test has passed."""
    if FIGURES:
        terminalreporter.section("interception: figures")
        for line in FIGURES:
            terminalreporter.write_line(line)
