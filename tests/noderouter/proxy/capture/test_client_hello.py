"""ClientHellos: of real clients, over any records, and what is none."""

import shutil
import socket
import ssl
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.capture.client_hello import MAX_RECORDS
from noderouter.proxy.capture.detect import MAX_BYTES, OPAQUE, Detected, WireProtocol, detect
from tests.noderouter.proxy.capture.hellos import (
    VERSIONS,
    body,
    extension,
    hello,
    message,
    python_hello,
    real_hellos,
    records,
    server_name,
    vector,
)
from tests.noderouter.proxy.capture.test_detect import by_bytes

TLS = WireProtocol.TLS
PLAIN = Detected(TLS)
LONGEST = b".".join([b"a" * 49] * 5) + b".abc"


@pytest.mark.parametrize("version", VERSIONS)
def test_pythons(version: ssl.TLSVersion) -> None:
    """Every version, with and without a name and protocols; complete at the last byte and not before."""
    for name in (None, "hello.prod", "Hello.Prod", "a-b_c.example"):
        for alpn in ((), ("h2", "http/1.1")):
            data = python_hello(name, alpn, version)
            expected = Detected(TLS, name and name.lower().encode(), tuple(map(str.encode, alpn)))
            assert by_bytes(data) == expected
            assert detect(data[:-1]) is None
            assert detect(data + b"\x17\x03\x03") == expected  # early data


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["openssl", "s_client", "-servername", "a.b", "-alpn", "h2,x"], Detected(TLS, b"a.b", (b"h2", b"x"))),
        (["openssl", "s_client", "-noservername"], PLAIN),
        (["openssl", "s_client", "-tls1_2", "-servername", "a.b"], Detected(TLS, b"a.b")),
        (["curl", "-sk", "--http1.1", "--resolve"], Detected(TLS, b"hello.prod", (b"http/1.1",))),
    ],
)  # fmt: skip
def test_other_clients(argv: list[str], expected: Detected) -> None:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"needs {argv[0]}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        port = server.getsockname()[1]
        if argv[0] == "curl":
            more = [f"hello.prod:{port}:127.0.0.1", f"https://hello.prod:{port}/"]
        else:
            more = ["-connect", f"127.0.0.1:{port}"]
        client = subprocess.Popen([*argv, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            with server.accept()[0] as sock:
                data, found = b"", None
                while found is None:
                    piece = sock.recv(65536)
                    assert piece, "the client has left"
                    data += piece
                    found = detect(data)
        finally:
            client.kill()
            client.communicate()
    assert found == expected
    assert by_bytes(data) == expected


@given(st.sampled_from(real_hellos()), st.integers(16, 600))
def test_over_records(data: bytes, size: int) -> None:
    """In whatever records it comes, it says the same."""
    whole, content = detect(data), data[5:]
    assert whole is not None
    assert whole.protocol is TLS
    if len(content) <= size * MAX_RECORDS:
        assert detect(records(content, size)) == whole
        assert detect(records(content, size)[:-1]) is None


def test_over_tiny_records() -> None:
    content = message(body(server_name(b"a.b")))
    assert by_bytes(records(content, 2)) == Detected(TLS, b"a.b")
    assert by_bytes(records(content, 1)) == OPAQUE  # more than MAX_RECORDS


@pytest.mark.parametrize(
    "name",
    [b"a", b"hello.prod", b"xn--bcher-kva.example", b"_a.b", b"1.a", b"a1.2b", b"a" * 63 + b".b", LONGEST],
)  # fmt: skip
def test_host_names(name: bytes) -> None:
    assert detect(hello(server_name(name))) == Detected(TLS, name)
    assert detect(hello(server_name(name.upper()))) == Detected(TLS, name)


@pytest.mark.parametrize(
    "name",
    [
        b"hello.prod.", b".", b"a..b", b".a", b"-a", b"a-", b"a-.b", b"a.-b", b"10.1.2.3", b"10", b"a.1", b"fd00::1",
        b"[fd00::1]", b"*.a", b"a/b", b"a b", b"a\0", b"a\n", b"b\xc3\xa4cker", b"a:443", b"a" * 64, LONGEST + b"aaaa",
    ],
)  # fmt: skip
def test_what_is_no_host_name_is_no_sni(name: bytes) -> None:
    """It is TLS all the same."""
    assert detect(hello(server_name(name))) == PLAIN


def test_what_may_be_missing() -> None:
    assert by_bytes(hello(None)) == PLAIN
    assert by_bytes(hello(b"")) == PLAIN
    assert by_bytes(hello(None, session=b"", version=b"\x03\x00")) == PLAIN
    assert by_bytes(hello(server_name(b"a.b", kind=1))) == PLAIN  # a name of a type that nobody knows
    both = vector(2, b"\x01" + vector(2, b"x") + b"\0" + vector(2, b"a.b"))
    assert by_bytes(hello(extension(0, both))) == Detected(TLS, b"a.b")
    assert by_bytes(hello(extension(0x0A0A, b"") + server_name(b"a.b"))) == Detected(TLS, b"a.b")


NAME = server_name(b"a.b")
WRONG: dict[str, bytes] = {
    "another type of record": records(message(body(NAME)), kind=23),
    "another type between": records(message(body(NAME)), 40)[:45] + records(b"x", kind=21),
    "another major version": records(message(body(NAME)), version=b"\x02\x01"),
    "an empty record": b"\x16\x03\x01\0\0",
    "an oversized record": b"\x16\x03\x01\x40\x01",
    "another message": records(message(body(NAME), kind=2)),
    "a hello of nothing": records(message(b"")),
    "another version inside": hello(NAME, version=b"\x7f\x1c"),
    "a session id too long": hello(NAME, session=bytes(33)),
    "no cipher suite": hello(NAME, ciphers=b""),
    "half a cipher suite": hello(NAME, ciphers=b"\x13\x01\x13"),
    "no compression": hello(NAME, compression=b""),
    "cut off": records(message(body(NAME)[:-1])),
    "cut off in the random": records(message(body(NAME)[:20])),
    "half a length": records(message(body(None) + b"\0")),
    "bytes behind": records(message(body(NAME) + b"\0")),
    "an extension twice": hello(NAME + NAME),
    "an unknown extension twice": hello(extension(99, b"") * 2),
    "half an extension": hello(b"\0\0\0"),
    "an extension too long": hello(b"\0\0\0\x09\0"),
    "an empty server_name": hello(extension(0, b"")),
    "no name": hello(extension(0, vector(2, b""))),
    "an empty name": hello(server_name(b"")),
    "two names": hello(extension(0, vector(2, (b"\0" + vector(2, b"a.b")) * 2))),
    "bytes behind the names": hello(extension(0, vector(2, b"\0" + vector(2, b"a.b")) + b"\0")),
    "a name too long": hello(extension(0, vector(2, b"\0\0\x09a"))),
    "no protocols": hello(extension(16, vector(2, b""))),
    "an empty protocol": hello(extension(16, vector(2, b"\0\x01h"))),
    "bytes behind the protocols": hello(extension(16, vector(2, b"\x02h2") + b"\0")),
    "a protocol too long": hello(extension(16, vector(2, b"\x09h2"))),
    "too large, from its length": b"\x16\x03\x01\x40\0\x01" + MAX_BYTES.to_bytes(3, "big"),
    "SSL 2": b"\x80\x2e\x01\x03\x01",
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_opaque(data: bytes) -> None:
    assert by_bytes(data) == OPAQUE


def test_the_largest() -> None:
    """Up to `MAX_BYTES` of records are looked at; what cannot fit is given up once its length is known."""
    room = MAX_BYTES - len(hello(NAME + extension(21, b"")))
    fits = hello(NAME + extension(21, bytes(room)))
    assert len(fits) == MAX_BYTES
    assert detect(fits) == Detected(TLS, b"a.b")
    assert detect(fits[:-1]) is None
    larger = hello(NAME + extension(21, bytes(room + 1)))
    assert detect(larger[:9]) == OPAQUE
    assert detect(larger) == OPAQUE
    split = records(fits[5:], 8000)  # the same message; the second header shows that there is no room for it
    assert detect(split[: 5 + 8000 + 4]) is None
    assert detect(split[: 5 + 8000 + 5]) == OPAQUE


@given(st.sampled_from(real_hellos()), st.data())
def test_a_changed_byte_has_an_answer_that_stays(data: bytes, draw: Any) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    by_bytes(data[:at] + draw.draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :])
