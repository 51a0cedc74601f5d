"""An init container that waits: for every kind of answer, and for none."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from noderouter.cli import main
from noderouter.interception.keeper import wait as module
from noderouter.interception.keeper.wait import asking
from tests.testing.ports import free_ports

KeeperProcess = Callable[[socket.socket, int], None]


@contextmanager
def serving(serve: KeeperProcess) -> Iterator[int]:
    """A server that is not a router; `serve` gets each connection and its number."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            for number in range(1000):
                try:
                    sock, _ = listening.accept()
                except OSError:
                    return
                with sock:
                    sock.recv(1000)
                    serve(sock, number)

        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def says(*answers: tuple[int, str]) -> KeeperProcess:
    """One answer after the other, the last one again and again."""

    def serve(sock: socket.socket, number: int) -> None:
        status, words = answers[min(number, len(answers) - 1)]
        sock.sendall(f"HTTP/1.1 {status} Words\r\nContent-Length: {len(words)}\r\n\r\n{words}".encode())

    return serve


def wait(port: int, *arguments: str) -> int:
    return main(["intercept", "wait", "--node-ip", "127.0.0.1", "--port", str(port), *arguments])


def test_until_it_is_captured(capsys):
    with serving(says((503, "not yet: no pod"), (503, "not yet: no pod"), (200, "captured\n"))) as port:
        assert wait(port) == 0
    assert capsys.readouterr().out == "captured\n"


def test_who_is_left_out_does_not_wait(capsys):
    with serving(says((409, "direct: it is `disabled`\n"))) as port:
        assert wait(port, "--required") == 0
    assert capsys.readouterr().out == "direct: it is `disabled`\n"


def test_the_node_is_known_from_the_environment(monkeypatch):
    monkeypatch.setenv("NODE_IP", "127.0.0.1")
    with serving(says((200, "captured"))) as port:
        assert main(["intercept", "wait", "--port", str(port)]) == 0


def test_without_a_node_nothing_is_asked(monkeypatch, capsys):
    monkeypatch.delenv("NODE_IP", raising=False)
    monkeypatch.delenv("NODE_IPS", raising=False)
    assert main(["intercept", "wait"]) == 1
    assert "--node-ip" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--required"], 1)])
def test_a_router_that_is_away_holds_no_pod_back_unless_it_is_required(arguments, code, capsys):
    (port,) = free_ports(1)
    assert wait(port, "--seconds", "1", *arguments) == code
    assert "gave up after 1 s: no answer: " in capsys.readouterr().err


@pytest.mark.parametrize("lie", [(200, "welcome to nginx"), (409, "conflict"), (200, ""), (500, "captured")])
def test_who_is_no_router_is_not_believed(lie, capsys):
    with serving(says(lie, (200, "captured\n"))) as port:
        assert wait(port) == 0
    assert capsys.readouterr().out == "captured\n"


def test_a_router_that_captures_nothing_is_asked_once(capsys):
    asked = []
    with serving(lambda sock, number: (asked.append(number), says((404, "not found"))(sock, number))) as port:
        assert wait(port, "--required") == 1
    assert asked == [0]
    assert "it captures nothing, or is too old" in capsys.readouterr().err


def test_ipv6_is_written_as_hosts_are():
    heard = []
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        port = listening.getsockname()[1]

        def run() -> None:
            sock, _ = listening.accept()
            with sock:
                heard.append(sock.recv(1000))
                says((200, "captured"))(sock, 0)

        thread = threading.Thread(target=run)
        thread.start()
        assert asking(ip_address("::1"), port)() == (200, "captured")
        thread.join()
    assert f"\r\nHost: [::1]:{port}\r\n".encode() in heard[0]


def drips(sock: socket.socket, _number: int) -> None:
    """A byte at a time, never an answer."""
    for _ in range(1000):
        try:
            sock.sendall(b"H")
        except OSError:
            return
        if leaving.wait(0.02):
            return


def floods(sock: socket.socket, _number: int) -> None:
    """Far more than is wanted."""
    try:
        for _ in range(1000):
            sock.sendall(b"X" * 100_000)
    except OSError:
        pass


leaving = threading.Event()


@pytest.mark.parametrize("serve", [drips, floods, lambda sock, _number: None])
def test_what_is_no_answer_is_none(serve, monkeypatch):
    monkeypatch.setattr(module, "TRY_SECONDS", 0.2)
    leaving.clear()
    with serving(serve) as port:
        with pytest.raises(OSError, match=r"timed out|does not speak HTTP"):
            asking(ip_address("127.0.0.1"), port)()
        leaving.set()
