"""Variables that are needed: their value, or which is missing and what for."""

import pytest

from noderouter.schema.environment import EnvironmentMissing, required


def test_a_variable_that_is_set(monkeypatch):
    monkeypatch.setenv("NODE_NAME", "n1")
    assert required("NODE_NAME", "the node's name") == "n1"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not(monkeypatch, value):
    monkeypatch.delenv("NODE_NAME", raising=False)
    if value is not None:
        monkeypatch.setenv("NODE_NAME", value)
    with pytest.raises(EnvironmentMissing, match="NODE_NAME env variable must be set to the node's name"):
        required("NODE_NAME", "the node's name")
