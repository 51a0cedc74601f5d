"""Two sockets at one port: new connections go to the other one, and none is lost."""

import errno
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from noderouter.proxy.listener.listener import SocketSettings, begin, bind, listen
from noderouter.proxy.listener.succession import hand_over, is_served, share, steer

SHARED = SocketSettings(reuse_port=True)


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::", "::1"])
def pair(request) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A listening socket, and one that is bound to the same port."""
    with listen(request.param, 0, SHARED) as old, bind(request.param, old.getsockname()[1], SHARED) as new:
        yield old, new


def port_of(sock):
    return sock.getsockname()[1]


def dial(sock, count=1):
    host = sock.getsockname()[0]
    host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(host, host)
    return [socket.create_connection((host, port_of(sock))) for _ in range(count)]


def accept_all(sock):
    found = 0
    while True:
        try:
            peer, _ = sock.accept()
        except BlockingIOError:
            return found
        peer.close()
        found += 1


def none(_peer, _address):
    raise AssertionError("nobody else dials")


def test_who_is_bound_gets_nothing(pair):
    old, new = pair
    dialled = dial(old, 50)
    assert accept_all(old) == 50
    begin(new, SHARED)
    assert accept_all(new) == 0
    for each in dialled:
        each.close()


@pytest.mark.parametrize("first", [0, 1], ids=["the first", "the second"])
def test_either_hands_over_to_the_other(pair, first):
    begin(pair[1], SHARED)
    mine, other = pair[first], pair[1 - first]
    assert hand_over(mine, none)
    accept_all(other)  # our own trial
    dialled = dial(mine, 50)
    assert (accept_all(mine), accept_all(other)) == (0, 50)
    for each in dialled:
        each.close()


@contextmanager
def crowded():
    """A socket whose backlog is full, and which nobody accepts from."""
    with listen("127.0.0.1", 0, SocketSettings(reuse_port=True, backlog=1)) as sock, ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
        yield sock


@pytest.mark.parametrize("leaving", [0, 1], ids=["the elder leaves", "the younger leaves"])
def test_the_next_one_shares_whatever_was_handed_over_before(pair, leaving):
    """Each gets some, so that each can try itself; and either can hand over once more."""
    begin(pair[1], SHARED)
    assert hand_over(pair[leaving], none)
    accept_all(pair[1 - leaving])
    pair[leaving].close()
    rest = pair[1 - leaving]
    with listen(rest.getsockname()[0], port_of(rest), SHARED) as third:
        share(third)
        dialled = dial(rest, 64)
        assert accept_all(rest) > 0
        assert accept_all(third) > 0
        for mine, other in ((rest, third), (third, rest)):
            share(mine)
            assert hand_over(mine, none)
            accept_all(other)
            more = dial(mine, 20)
            assert (accept_all(mine), accept_all(other)) == (0, 20)
            dialled += more
    for each in dialled:
        each.close()


def test_who_cannot_try_leaves_the_others_their_share():
    """The other one accepts nothing, so that no connection to it is made."""
    with crowded() as other, listen("127.0.0.1", port_of(other), SHARED) as mine:
        steer(mine, 0)
        with pytest.raises(BlockingIOError):
            hand_over(mine, lambda peer, _address: peer.close())
        assert any(accept_all(mine) for _ in range(20) if attempt(port_of(mine)))


def attempt(port):
    """Begin to connect; whether that was possible."""
    with socket.socket() as sock:
        sock.setblocking(False)
        return sock.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)


def test_alone_there_is_nobody_to_hand_over_to(pair):
    old, new = pair
    assert not hand_over(old, none)
    dialled = dial(old, 20)
    assert accept_all(old) == 20
    for each in dialled:
        each.close()
    # What was tried does not keep a later one from being found.
    begin(new, SHARED)
    assert hand_over(old, none)


def test_what_has_come_before_is_given_out(pair):
    old, new = pair
    dialled = dial(old, 5)
    begin(new, SHARED)
    came = []
    assert hand_over(old, lambda peer, address: came.append((peer, address)))
    assert len(came) == 5
    for each in (*dialled, *(peer for peer, _ in came)):
        each.close()


def test_a_full_backlog_is_no_answer():
    """Neither our connection nor anybody else's is taken for one that another has."""
    came = []
    with crowded() as old:
        assert not hand_over(old, lambda peer, _address: came.append(peer))
    assert came
    for each in came:
        each.close()


def test_a_filter_that_names_nobody_leaves_all_to_those_who_are_there(pair):
    old, _ = pair
    steer(old, 7)
    dialled = dial(old, 10)
    assert accept_all(old) == 10
    for each in dialled:
        each.close()


def test_is_served(pair):
    old, new = pair
    host = old.getsockname()[0]
    assert is_served(host, port_of(old))
    old.close()
    assert not is_served(host, port_of(new))
    begin(new, SHARED)
    assert is_served(host, port_of(new))


def test_no_connection_is_lost_while_places_change():
    """Clients connect, ask and read without a pause while one socket after the other takes over."""
    stop, failed, served = threading.Event(), [], [0]

    def serve(sock, ending):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        while True:
            if poll.poll(20):
                try:
                    peer, _ = sock.accept()
                except BlockingIOError:
                    continue
                answer(peer)
            elif ending.is_set():
                sock.close()
                return

    def answer(peer):
        with peer:
            peer.setblocking(True)
            if peer.recv(1):
                peer.sendall(b"x")

    def ask(port):
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                    sock.sendall(b"?")
                    if sock.recv(1) != b"x":
                        failed.append("closed")
                    served[0] += 1
            except OSError as error:
                failed.append(repr(error))

    current = listen("127.0.0.1", 0, SHARED)
    port = port_of(current)
    ending = threading.Event()
    servers = [threading.Thread(target=serve, args=(current, ending))]
    askers = [threading.Thread(target=ask, args=(port,)) for _ in range(4)]
    for each in (*servers, *askers):
        each.start()
    for _ in range(10):
        successor, its_ending = listen("127.0.0.1", port, SHARED), threading.Event()
        servers.append(threading.Thread(target=serve, args=(successor, its_ending)))
        servers[-1].start()
        assert hand_over(current, lambda peer, _address: answer(peer))
        ending.set()
        servers[-2].join()
        current, ending = successor, its_ending
    stop.set()
    for each in askers:
        each.join()
    ending.set()
    servers[-1].join()
    assert not failed
    assert served[0] > 0
