"""Figures that tests state, for the end of a run."""

from collections.abc import Callable

import pytest

State = Callable[[str], None]


class Figures:
    """Those of one folder; its `conftest.py` has the fixture and the hook."""

    def __init__(self, title: str) -> None:
        self.lines: list[str] = []
        self._title = title

    def state(self, request: pytest.FixtureRequest) -> State:
        """What states a figure under the name of the test."""
        name = request.node.name.removeprefix("test_").replace("_", " ")
        return lambda figure: self.lines.append(f"{name}: {figure}")

    def write(self, reporter: pytest.TerminalReporter) -> None:
        """All of them, also where every test has passed."""
        if self.lines:
            reporter.section(self._title)
            for line in self.lines:
                reporter.write_line(line)
