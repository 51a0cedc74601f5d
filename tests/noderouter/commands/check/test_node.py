import pytest

from noderouter.commands.check.node import check_variables


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
