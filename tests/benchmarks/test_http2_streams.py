"""`benchmarks.http2_streams`: frames however they come, and what misses its bar."""

import socket

from benchmarks import http2_streams as streams
from noderouter.proxy.http2.frames import DATA, END_STREAM, HEADERS, SETTINGS, frame


def test_frames_are_cut_however_they_come():
    ours, theirs = socket.socketpair()
    sent = streams.get(1, b"/x") + frame(DATA, END_STREAM, 3, b"x" * 300)
    with ours, theirs:
        theirs.sendall(sent[:5])
        seen = streams.frames(ours)
        theirs.sendall(sent[5:])
        theirs.shutdown(socket.SHUT_WR)
        assert list(seen) == [(HEADERS, 5, 1, 20), (DATA, 1, 3, 300)]


def test_an_endpoint_that_answers_nothing_counts_what_it_is_asked():
    silent = streams.Silent()
    with streams.client(silent.port) as sock:
        sock.sendall(streams.get(1, b"/x") + streams.get(3, b"/x"))
        seen = streams.frames(sock)
        assert [next(seen)[:2] for _ in range(2)] == [(SETTINGS, 0), (SETTINGS, 1)]
        while silent.here < 2:
            pass


def test_what_misses_its_bar_is_said(capsys):
    assert streams.missed({"big": 0.8, "stalled": 1.0, "cancelled": 1.6})
    assert capsys.readouterr().out == "FAIL  big: 0.800, 0.9 wanted\nFAIL  cancelled: 1.600, 1.1 wanted\n"
    assert not streams.missed({"big": 1.4, "stalled": 1.05, "cancelled": 1.1})
