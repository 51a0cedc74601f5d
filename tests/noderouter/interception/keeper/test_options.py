"""From arguments and the environment to what is captured."""

import ipaddress

import pytest

from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.options import node_addresses, parser, policy
from noderouter.interception.keeper.state import Exclusions, FailureMode, Scope


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("NODE_IP", "NODE_IPS", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    return parser().parse_args(["run", *arguments])


def test_one_address_of_each_family():
    made = policy(run("--node-ip", "192.0.2.1", "--node-ip", "2001:db8::1", "--capture-port", "4144"))
    assert made.capture.port == 4144
    assert (str(made.capture.ipv4), str(made.capture.ipv6)) == ("192.0.2.1", "2001:db8::1")
    assert (made.scope, made.failure_mode, made.exclusions) == (Scope.SERVICES, FailureMode.OPEN, Exclusions())


def test_what_is_excluded(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    given = ("--node-ip", "192.0.2.1", "--exclude-port", "443", "--exclude-cidr", "10.0.0.0/8", "--exclude-namespace")
    found = policy(run(*given, "db")).exclusions
    assert (found.ports, found.namespaces) == ({443}, {"db"})
    assert [str(each) for each in found.networks] == ["10.0.0.0/8", "10.96.0.1/32"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "fe80::1"])
def test_addresses_that_no_pod_reaches(address):
    with pytest.raises(InterceptError, match="not loopback"):
        policy(run("--node-ip", address))


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [("NODE_IP", "192.0.2.1", ["192.0.2.1"]), ("NODE_IPS", "192.0.2.1, 2001:db8::1", ["192.0.2.1", "2001:db8::1"])],
)
def test_addresses_of_the_environment(monkeypatch, name, value, found):
    monkeypatch.setenv(name, value)
    assert node_addresses(run()) == [ipaddress.ip_address(each) for each in found]


def test_no_address_at_all(monkeypatch):
    with pytest.raises(InterceptError, match="--node-ip"):
        node_addresses(run())
    monkeypatch.setenv("NODE_IP", "node-1")
    with pytest.raises(InterceptError, match="NODE_IP is not an address: node-1"):
        node_addresses(run())


@pytest.mark.parametrize(
    "arguments",
    [("--capture-port", "0"), ("--capture-port", "65536"), ("--exclude-cidr", "10.0.0.1/8"), ("--node-ip", "node"),
     ("--reconcile-seconds", "-1"), ("--scope", "some")],
)  # fmt: skip
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err
