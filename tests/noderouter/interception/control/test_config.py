"""`intercept`: its defaults, what is refused, and where the node's name comes from."""

import json

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import dump, validate_text
from noderouter.interception.control.config import InterceptConfig
from noderouter.kubernetes.access import Kubeconfig, Plain
from noderouter.schema.environment import EnvironmentMissing


def problems(**keys: object) -> list[str]:
    servers = [{"ip": "::", "port": 4143, "capture": {}}]
    text = json.dumps({"routers": [{"protocol": "http", "servers": servers}], "intercept": keys})
    found = validate_text(text)
    return [] if isinstance(found, Config) else [problem.show("f") for problem in found]


def test_defaults() -> None:
    config = InterceptConfig.model_validate({})
    assert config.socket == "/run/noderouter/intercept.sock"
    assert (config.selection, config.opaquePorts, config.clusterDomain) == ("optOut", (), None)


def test_it_loads_again_as_the_same() -> None:
    servers = [{"ip": "::", "port": 4143, "capture": {}}]
    keys = {"nodeName": "node-1", "opaquePorts": [5432], "selection": "optIn", "k8sHost": "localhost"}
    config = validate_text(json.dumps({"routers": [{"protocol": "http", "servers": servers}], "intercept": keys}))
    assert isinstance(config, Config)
    assert validate_text(json.dumps(dump(config))) == config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("selection", "optout"),
        ("nodeName", "Node 1"),
        ("opaquePorts", [0]),
        ("opaquePorts", ["5432"]),
        ("clusterDomain", ".local"),
        ("socket", ""),
        ("k8sPort", 0),
        ("scope", "http"),
    ],
)
def test_what_is_wrong_is_refused(key: str, value: object) -> None:
    (problem,) = problems(**{key: value})
    assert f"intercept.{key}" in problem


def test_two_ways_to_the_api_are_one_too_many() -> None:
    assert "`kubeconfig` says where the API is" in problems(kubeconfig="/k", k8sHost="localhost")[0]
    assert InterceptConfig.model_validate({"kubeconfig": "/k", "context": "c"}).access == Kubeconfig("/k", "c")
    assert InterceptConfig.model_validate({"k8sPort": 1}).access == Plain("localhost", 1)


def test_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_NAME", "from-environment")
    assert InterceptConfig.model_validate({"nodeName": "from-file"}).node == "from-file"
    assert InterceptConfig.model_validate({}).node == "from-environment"
    monkeypatch.delenv("NODE_NAME")
    with pytest.raises(EnvironmentMissing, match="NODE_NAME"):
        _ = InterceptConfig.model_validate({}).node
