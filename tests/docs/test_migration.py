"""What the page for Linkerd's users says of names is what the code has."""

import re
from pathlib import Path

import noderouter.app  # imports whatever may raise
from noderouter.core.errors import ClientGone, DeadlineExceeded, RouterError
from noderouter.reactor.errors import Expired
from noderouter.reactor.task import Timeout
from noderouter.telemetry.metrics import failure_name

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()


def kinds_of(error: type[RouterError]) -> set[str]:
    """The names of all errors below `error`, as far as they are ours."""
    below = [each for each in error.__subclasses__() if each.__module__.startswith("noderouter.")]
    return {each.__name__ for each in below}.union(*map(kinds_of, below))


def test_the_table_of_exceptions_is_complete() -> None:
    assert noderouter.app is not None
    table = PAGE.partition("### Names of exceptions")[2].partition("\n## ")[0]
    ours = re.findall(r"^\|[^|]+\| `(\w+)` \|", table, re.MULTILINE)
    assert len(ours) == len(set(ours))
    assert set(ours) == kinds_of(RouterError) | {"ClientGone"}


def test_failures_are_counted_under_those_names() -> None:
    for error in (DeadlineExceeded("x"), ClientGone("x")):
        assert failure_name(error) == type(error).__name__
    assert failure_name(Expired(Timeout(1.0))) == "DeadlineExceeded"
