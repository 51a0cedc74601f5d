"""`socketOptions`: what is left out keeps its default."""

from noderouter.proxy.listener.config import SocketOptions
from noderouter.proxy.listener.listener import SocketSettings
from tests.testing.router import checked, config


def test_without_keys_the_defaults_hold():
    assert SocketOptions().build() == SocketSettings()


def test_options_that_are_left_out_keep_their_defaults():
    made = SocketOptions(noDelay=False, backlog=7).build()
    assert made == SocketSettings(no_delay=False, backlog=7)


def test_a_capture_server_says_whether_its_socket_is_transparent():
    for capture, transparent in ((None, False), ({}, False), ({"transparent": True}, True)):
        server = {"port": 0} | ({} if capture is None else {"capture": capture})
        made = checked(config(servers=[server])).routers[0].servers[0].socket_settings()
        assert made == SocketSettings(transparent=transparent)
