"""The lines about this process and its environment."""

import pytest

from noderouter import __version__
from noderouter.commands.check import environment
from noderouter.commands.check.environment import check_variables, check_versions, part


def test_what_runs_this_test_is_good_enough():
    lines = [str(line) for line in check_versions()]
    assert lines[0] == f"ok   noderouter: {__version__}"
    assert lines[1].startswith("ok   python: CPython 3.")


def test_an_old_python(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "OLDEST", (9, 0))
    assert str(list(check_versions())[1]).startswith("fail python: ")


def test_what_is_compiled():
    assert str(part("head parser", None)) == "ok   head parser: compiled"
    assert str(part("head parser", "pure Python")).startswith(
        "warn head parser: pure Python: it works, and takes more CPU\n"
    )


@pytest.fixture(autouse=True)
def _no_pod(monkeypatch):
    for name in ("KUBERNETES_SERVICE_HOST", "NODE_NAME", "POD_IP"):
        monkeypatch.delenv(name, raising=False)


def lines(**needed):
    return [str(line) for line in check_variables(needed)]


def test_set(monkeypatch):
    monkeypatch.setenv("NODE_NAME", "n1")
    assert lines(NODE_NAME="transformer x") == ["ok   variable NODE_NAME: n1, for transformer x"]


def test_not_set_in_a_pod_and_elsewhere(monkeypatch):
    (outside,) = lines(POD_IP="transformer x")
    assert outside.startswith("warn variable POD_IP: not set, but this is no pod; transformer x needs it there\n")
    assert "fieldPath: status.podIP" in outside
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    (inside,) = lines(POD_IP="transformer x")
    assert inside.startswith("fail variable POD_IP: not set; transformer x needs it\n")
