"""The kernel's own figures of a listening socket."""

import socket
from contextlib import ExitStack

import pytest

from noderouter.interception.control.health_report import Backlog, backlog_of


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_connections_that_nobody_accepts_are_counted(family, host):
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket(family))
        listening.bind((host, 0))
        listening.listen(64)
        assert backlog_of(listening) == Backlog(0, 64)
        for count in range(1, 4):
            stack.enter_context(socket.create_connection(listening.getsockname()[:2]))
            assert backlog_of(listening) == Backlog(count, 64)
        stack.enter_context(listening.accept()[0])
        assert backlog_of(listening) == Backlog(2, 64)


def test_sockets_that_do_not_listen_have_none():
    with socket.socket() as sock:
        assert backlog_of(sock) is None
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
    assert backlog_of(sock) is None
