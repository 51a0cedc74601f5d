"""What the guard makes of what it is told, without a router."""

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from noderouter.config.validate import validate_text
from noderouter.overload import guard as module
from noderouter.overload.cgroup import V2, Group
from noderouter.overload.config import OverloadConfig
from noderouter.overload.guard import Guard
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.naming.fakes import Log
from tests.testing.loop import looping, until
from tests.testing.router import config

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def log():
    return Log()


async def test_a_group_that_cannot_be_asked_is_said_once_and_sheds_nothing(tmp_path, log, monkeypatch, nursery):
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.005)
    with patch.object(module, "limited_group", lambda: Group(tmp_path, V2, 100)):
        async with looping() as loop:
            guard = Guard(OverloadConfig(), 10, loop.reactor, log)
            nursery.start_soon(guard.watch)
            looks = []
            monkeypatch.setattr(guard, "_look", lambda now, look=guard._look: (looks.append(now), look(now)))
            await until(lambda: len(looks) > 3)
            assert guard.words() == "none"
            assert log.events == ["overload.memory_unknown"]
            (tmp_path / "memory.current").write_text("95\n")
            (tmp_path / "memory.stat").write_text("inactive_file 1\n")
            await until(lambda: guard.words() != "none")
            assert guard.places.short
            (tmp_path / "memory.stat").write_text("inactive_file 50\n")
            await until(lambda: guard.words() == "none")
            assert not guard.places.short
            nursery.cancel_scope.cancel()
            await until(lambda: not loop.reactor.tasks)


async def test_its_metrics_and_keys_are_described(log):
    tree = MetricsTree()
    async with looping() as loop:
        Guard(OverloadConfig(maxMemoryMB=7), 10, loop.reactor, log).gauges(tree)
    names = {"/".join(sample.path) for sample in tree.samples() if sample.path[0] != "telemetry"}
    assert len(names) == 12
    page = (DOCS / "metrics.md").read_text()
    assert [name for name in names if f"`{name}`" not in page] == []
    page = (DOCS / "configuration.md").read_text()
    assert [key for key in OverloadConfig.names() if f"`{key}`" not in page] == []


@pytest.mark.parametrize("wrong", [
    {"memoryLowPercent": 91},
    {"lagLowMs": 1001},
    {"memoryHighPercent": 101},
    {"ipv6PrefixLength": 129},
])  # fmt: skip
def test_watermarks_that_make_no_sense(wrong):
    problems = validate_text(json.dumps(config() | {"overload": wrong}))
    assert [problem.path for problem in problems] in (["overload"], [f"overload.{next(iter(wrong))}"])
