"""`admin`: who has control where the file does not say, and what a host is."""

import pytest
from pydantic import ValidationError

from noderouter.admin.config import AdminConfig


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, True),
        ({"ip": "localhost"}, True),
        ({"ip": "127.0.0.2"}, True),
        ({"ip": "::1"}, True),
        ({"ip": "::ffff:127.0.0.1"}, True),
        ({"ip": "0.0.0.0"}, False),
        ({"ip": "::"}, False),
        ({"ip": "10.0.0.1"}, False),
        ({"ip": "0.0.0.0", "security": {"uiEnabled": True}}, False),
        ({"ip": "0.0.0.0", "security": {"controlEnabled": True}}, True),
        ({"security": {"controlEnabled": False}}, False),
        ({"probes": {}}, True),
    ],
)
def test_control_is_open_on_loopback_only_unless_it_is_said(keys: dict[str, object], expected: bool) -> None:
    assert AdminConfig.model_validate(keys).security.controlEnabled is expected


def test_one_configuration_does_not_decide_for_another() -> None:
    assert AdminConfig.model_validate({"ip": "::"}).security.controlEnabled is False
    assert AdminConfig().security.controlEnabled is True


def test_hosts_are_kept_in_lower_case() -> None:
    assert AdminConfig.model_validate({"hosts": ["Router.Example.", "a"]}).hosts == ("router.example", "a")


@pytest.mark.parametrize(
    "host", ["", "a:80", "http://a", "*.example", "a b", "a..b", "-a", "a/", "é", "a" * 64, "a." * 127 + "a"]
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(ValidationError, match="not a host name"):
        AdminConfig.model_validate({"hosts": [host]})


@pytest.mark.parametrize(
    "keys", [{"maxConnections": 3}, {"maxConnections": 5000}, {"probes": {"port": -1}}, {"probes": {"x": 1}}]
)
def test_bounds(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AdminConfig.model_validate(keys)


def test_the_port_for_probes_is_open_to_the_node_once_it_is_asked_for() -> None:
    assert AdminConfig().probes is None
    probes = AdminConfig.model_validate({"probes": {}}).probes
    assert probes is not None
    assert (probes.ip, probes.port) == ("0.0.0.0", 9991)
