"""What is ours."""

import errno
import socket

import pytest

from noderouter.proxy.client import ourselves
from noderouter.proxy.client.ourselves import Ourselves, is_here, node_addresses
from noderouter.schema.environment import EnvironmentMissing


def own_address() -> str | None:
    """An address of this machine that is not on the loopback, if it has any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def test_the_kernel_knows_what_is_here():
    assert is_here("127.0.0.1")
    assert is_here("127.3.2.1")
    assert is_here("::1")
    assert not is_here("192.0.2.1")
    assert not is_here("2001:db8::1")
    own = own_address()
    if own is None:
        pytest.skip("this machine has no address but the loopback")
    assert is_here(own)


def test_services_that_ipvs_puts_on_an_interface_are_not_the_node():
    here = Ourselves(is_service=lambda ip, port: (ip, port) == ("127.0.0.1", 80))
    assert not here.is_node("127.0.0.1", 80)
    assert here.is_node("127.0.0.1", 10250)


def test_the_node_is_what_was_told():
    ours = Ourselves(["192.0.2.7", "::ffff:192.0.2.8"], lambda: [("192.0.2.1", 443)])
    assert ours.is_node("192.0.2.7", 80)
    assert ours.is_node("192.0.2.8", 80)
    assert not ours.is_node("192.0.2.9", 80)
    assert ours.is_api("192.0.2.1", 443)
    assert not ours.is_api("192.0.2.1", 80)


def test_our_ports_are_ours_on_this_machine_only():
    ours = Ourselves(["192.0.2.7"])
    ours.ports.add(9990)
    assert ours.is_own_port("127.0.0.1", 9990)
    assert not ours.is_own_port("127.0.0.1", 9991)
    assert not ours.is_own_port("192.0.2.7", 9990)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, ()),
        ({"NODE_IP": "10.0.0.7"}, ("10.0.0.7",)),
        ({"NODE_IPS": "10.0.0.7, FD00::7", "NODE_IP": "x"}, ("10.0.0.7", "fd00::7")),
        ({"NODE_IPS": "", "NODE_IP": ""}, ()),
    ],
)
def test_what_the_environment_says(monkeypatch, variables, told):
    for name in ("NODE_IPS", "NODE_IP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert node_addresses() == told


def test_what_the_environment_says_wrongly(monkeypatch):
    monkeypatch.setenv("NODE_IPS", "10.0.0.7;10.0.0.8")
    with pytest.raises(EnvironmentMissing, match="NODE_IPS env variable must be addresses of the node"):
        node_addresses()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOBUFS])
def test_where_nobody_can_say_an_address_is_ours(monkeypatch, number):
    """A stranger who uses something up must not open what is closed."""

    def short(*_args):
        raise OSError(number, "short")

    monkeypatch.setattr(ourselves.socket, "socket", short)
    assert is_here("10.1.0.5")
