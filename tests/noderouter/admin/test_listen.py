"""Opening the port, and what is said when it cannot be opened."""

import errno
import select
import socket

import pytest

from noderouter.admin.listen import SILENT_SECONDS, AdminListenError, open_socket


def test_an_open_socket_listens_and_does_not_block() -> None:
    with open_socket("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert not listening.getblocking()
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


def test_ipv6() -> None:
    with open_socket("::1", 0) as listening:
        assert listening.family == socket.AF_INET6


def test_a_port_in_use() -> None:
    with open_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(AdminListenError) as caught:
            open_socket("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot open the admin port 127.0.0.1:{port}: something else listens there already; "
        "stop it, or set another `admin.port`"
    )


def test_an_address_of_another_machine() -> None:
    with pytest.raises(AdminListenError, match=r"\[2001:db8::1\]:9990: this machine has no such address"):
        open_socket("2001:db8::1", 9990)


@pytest.mark.parametrize(("code", "said"), [(errno.EACCES, "NET_BIND_SERVICE"), (errno.ENOBUFS, "No buffer space")])
def test_what_the_system_refuses(monkeypatch: pytest.MonkeyPatch, code: int, said: str) -> None:
    class Refusing(socket.socket):
        def bind(self, _address: object) -> None:
            raise OSError(code, "No buffer space")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(AdminListenError, match=said):
        open_socket("127.0.0.1", 80)


def test_connections_are_asked_whether_their_peers_are_still_there() -> None:
    with open_socket("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        select.select([listening], [], [], 10)
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == SILENT_SECONDS
