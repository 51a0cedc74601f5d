"""What first bytes tell: what is HTTP, what only looks like it, and that the answer never depends on how bytes come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.capture.detect import (
    HTTP1,
    HTTP1_ODD,
    HTTP2,
    MAX_BYTES,
    MAX_METHOD_BYTES,
    OPAQUE,
    PREFACE,
    Detected,
    detect,
    unfinished,
)
from tests.noderouter.proxy.capture.hellos import real_hellos

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a?b=c HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"\r\nPOST / HTTP/1.1\r\n",
    b"\r\n\r\nPOST / HTTP/1.1\r\n",
    b"M-SEARCH /x HTTP/1.1\r\n",  # a method is any token
    b"get / HTTP/1.1\r\n",
    b"SET /x HTTP/1.1\r\n",
    b"GET /\xc3\xa4?\xff HTTP/1.1\r\n",
    b"PRI /x HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nNot a field",  # for our codec to refuse: the line says that it is HTTP
    b"A" * MAX_METHOD_BYTES + b" / HTTP/1.1\r\n",
]

ODD = {
    "HTTP/1.2": b"GET / HTTP/1.2\r\n",
    "HTTP/3.0": b"GET / HTTP/3.0\r\n",
    "HTTP with bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "HTTP with two spaces": b"GET  / HTTP/1.1\r\n",
    "HTTP, * for GET": b"GET * HTTP/1.1\r\n",
    "HTTP for a proxy": b"GET http://hello/ HTTP/1.1\r\n",
    "HTTP for a proxy, https": b"GET HTTPS://hello/ HTTP/1.1\r\n",
    "HTTP for a proxy, CONNECT": b"CONNECT pg.prod:5432 HTTP/1.1\r\n",
    "CONNECT with a path": b"CONNECT / HTTP/1.1\r\n",
    "a preface that is none": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r!",
    "three empty lines": b"\r\n\r\n\r\nGET / HTTP/1.1\r\n",
    "CR alone": b"\rGET / HTTP/1.1\r\n",
    "HTTP with a fragment": b"GET /#a HTTP/1.1\r\n",
    "HTTP with a tab": b"GET\t/ HTTP/1.1\r\n",
    "HTTP with a space in the path": b"GET /a b HTTP/1.1\r\n",
    "HTTP with a control byte": b"GET /\x01 HTTP/1.1\r\n",
    "HTTP with a space behind": b"GET / HTTP/1.1 \r\n",
    "HTTP with a space before": b" GET / HTTP/1.1\r\n",
    "HTTP, lower case": b"GET / http/1.1\r\n",
    "HTTP without a target": b"GET HTTP/1.1\r\n",
    "HTTP, LF before": b"\nGET / HTTP/1.1\r\n",
    "HTTP, a name as its path": b"GET a HTTP/1.1\r\n",
}

OTHERS = {
    "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "SSH, short": b"SSH-2.0-Go\r\n",
    "SMTP": b"EHLO client.example\r\n",
    "SMTP, a name like a scheme": b"EHLO http.example\r\n",
    "SMTP, HELO": b"HELO x\r\n",
    "LMTP": b"LHLO x\r\n",
    "Redis, inline": b"PING\r\n",
    "Redis, inline with arguments": b"SET a b\r\n",
    "Redis, a key like a target": b"GET /key\r\n",
    "Redis, a key like HTTP": b"SET /key HTTP/1.1x\r\n",
    "Redis, h": b"SET h 1\r\n",
    "Redis": b"*1\r\n$4\r\nPING\r\n",
    "memcached": b"get k\r\n",
    "memcached, text": b"set /k 0 0 1\r\nx\r\n",
    "memcached, meta": b"mg / v\r\n",
    "memcached, binary": b"\x80\x00\x00\x00" + bytes(20),
    "NATS": b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n',
    "STOMP": b"CONNECT\naccept-version:1.2\nhost:a\n\n\0",
    "STOMP, new": b"STOMP\r\naccept-version:1.2\r\n\r\n\0",
    "RTSP": b"OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "RTSP, *": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "RTSP, path": b"DESCRIBE /a RTSP/1.0\r\n",
    "SIP": b"INVITE sip:a@b SIP/2.0\r\n",
    "git": b"0032git-upload-pack /project.git\0host=a\0",
    "PostgreSQL": b"\0\0\0\x08\x04\xd2\x16\x2f",
    "AMQP": b"AMQP\0\0\x09\x01",
    "MQTT": b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd",
    "LDAP": b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0",
    "SOCKS": b"\x05\x01\0",
    "IRC": b"NICK someone\r\nUSER h 0 * :x\r\n",
    "FTP": b"USER anonymous\r\n",
    "POP3": b"CAPA\r\n",
    "IMAP": b"a001 CAPABILITY\r\n",
    "Graphite": b"a.b.c 12 1700000000\n",
    "beanstalkd": b"use hello\r\n",
    "ZooKeeper, four letters": b"ruok\n",
    "FIX": b"8=FIX.4.4\x01",
    "PROXY protocol 1": b"PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\nGET / HTTP/1.1\r\n\r\n",
    "PROXY protocol 1, unknown": b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n",
    "PROXY protocol 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
    "HTTP/0.9": b"GET /\r\n",
    "HTTP without a method": b" / HTTP/1.1\r\n",
    "a method that does not end": b"A" * (MAX_METHOD_BYTES + 1) + b" / HTTP/1.1\r\n",
}


def by_bytes(data: bytes) -> Detected | None:
    """The answer, having asked for every beginning; once given it must not change."""
    found = None
    for end in range(len(data) + 1):
        now = detect(data[:end])
        assert found is None or now == found, (data[:end], found, now)
        found = now
    return found


@pytest.mark.parametrize("data", REQUESTS)
def test_a_request_line_is_http_1(data: bytes) -> None:
    assert by_bytes(data) is HTTP1
    line = data.index(b"\r\n", 4) + 2
    assert detect(data[: line - 1]) is None  # its CRLF belongs to it


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
def test_what_only_looks_like_it_is_opaque(data: bytes) -> None:
    assert by_bytes(data) is OPAQUE


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
def test_what_a_server_may_take_for_a_request_is_odd(data: bytes) -> None:
    assert by_bytes(data) is HTTP1_ODD


@pytest.mark.parametrize(
    ("data", "needed"),
    [
        (b"EHLO client\r", 12),
        (b"git-upload-pack /a\0", 19),
        (b"(x", 1),
        (b"A" * 100, MAX_METHOD_BYTES + 1),
        (b"\x00\x00", 1),
        (b"\xff", 1),
    ],
)
def test_the_first_byte_that_shows_it_is_enough(data: bytes, needed: int) -> None:
    assert detect(data[: needed - 1]) is None
    assert detect(data[:needed]) is OPAQUE


def test_the_preface_is_http_2() -> None:
    assert by_bytes(PREFACE + b"\0\0\0\4\0\0\0\0\0") is HTTP2
    assert detect(PREFACE[:-1]) is None


def test_nothing_tells_nothing() -> None:
    assert detect(b"") is None


@pytest.mark.parametrize("beginning", [b"GET /", b"OPTIONS /?"])
def test_a_line_is_read_so_far_and_no_further(beginning: bytes) -> None:
    """A whole line that fits is HTTP, one that does not is odd at the bound."""
    endless = beginning + b"a" * MAX_BYTES
    assert detect(endless[: MAX_BYTES - 1]) is None
    assert detect(endless[:MAX_BYTES]) is HTTP1_ODD
    assert detect(endless + b" HTTP/1.1\r\n") is HTTP1_ODD
    assert detect(endless + b" HTTP/1.1\r\n", 2 * MAX_BYTES) is HTTP1
    tail = b" HTTP/1.1\r\n"
    assert detect(b"GET /" + b"a" * (MAX_BYTES - 5 - len(tail)) + tail) is HTTP1


def test_other_text_without_an_end_is_opaque_at_the_bound() -> None:
    endless = b"SET a " + b"a" * MAX_BYTES
    assert detect(endless[: MAX_BYTES - 1]) is None
    assert detect(endless[:MAX_BYTES]) is OPAQUE


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"", OPAQUE), (b"GET /x HTTP/1", HTTP1_ODD), (b"GET", HTTP1_ODD), (b"\x16\x03", OPAQUE), (PREFACE[:9], OPAQUE)],
)
def test_what_does_not_go_on(data: bytes, found: Detected) -> None:
    assert detect(data) is None
    assert unfinished(data) is found


@given(st.binary(max_size=200))
def test_garbage_has_an_answer_that_stays(data: bytes) -> None:
    by_bytes(data)


@given(st.sampled_from([*REQUESTS, *ODD.values(), *OTHERS.values(), PREFACE]), st.data())
def test_changes_of_a_byte_have_an_answer_that_stays(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    by_bytes(data[:at] + draw.draw(st.binary(max_size=3)) + data[at + 1 :])


def test_fuzzed() -> None:
    """Pieces of everything, cut and mixed: no exception, one answer that stays, and in the end there is one."""
    rng = random.Random(9112)
    samples = [*REQUESTS, *OTHERS.values(), PREFACE, *real_hellos()]
    for _ in range(3000):
        data = b"".join(_piece(rng, rng.choice(samples)) for _ in range(rng.randint(1, 3)))
        answers = [detect(data[:end]) for end in sorted(rng.sample(range(len(data) + 1), min(len(data), 8)))]
        answers += [detect(data), detect(data + bytes(MAX_BYTES))]
        told = [answer for answer in answers if answer is not None]
        assert all(answer == told[0] for answer in told), data
        assert answers[-1] is not None
        assert None not in answers[answers.index(told[0]) :], data


def _piece(rng: random.Random, sample: bytes) -> bytes:
    piece = bytearray(sample[: rng.randint(1, len(sample))] if rng.random() < 0.5 else sample)
    for _ in range(rng.choice((0, 0, 1, 1, 4))):
        piece[rng.randrange(len(piece))] = rng.randrange(256)
    return bytes(piece)
