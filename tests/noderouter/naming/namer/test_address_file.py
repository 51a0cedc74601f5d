from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.naming.namer.address_file import AddressFileError, Entry, parse


def entry(host: str, port: int, weight: float = 1.0, ip: str | None = None) -> Entry:
    return Entry(host, port, weight, ip)


def test_addresses_names_weights_comments_and_blanks():
    text = b"""# the first
10.0.0.1 8080
\t10.0.0.2\t8080 * 0.5   # a canary
::1 8080*2
\r
web.example 80 * .25
localhost 1\r
    """
    assert parse(text) == (
        entry("10.0.0.1", 8080, 1.0, "10.0.0.1"),
        entry("10.0.0.2", 8080, 0.5, "10.0.0.2"),
        entry("::1", 8080, 2.0, "::1"),
        entry("web.example", 80, 0.25),
        entry("localhost", 1, 1.0, "127.0.0.1"),
    )


@pytest.mark.parametrize("text", [b"", b"\n\n", b"# nothing", b" \t\r\n#"])
def test_a_file_may_list_nothing(text):
    assert parse(text) == ()


def test_the_last_of_equal_addresses_counts():
    assert parse(b"10.0.0.1 80 * 1\n10.0.0.1 80 * 3") == (entry("10.0.0.1", 80, 3.0, "10.0.0.1"),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"10.0.0.1", "expected `host port` or `host port * weight`, found '10.0.0.1'"),
        (b"10.0.0.1:80", "expected `host port`"),
        (b"10.0.0.1 80 81", "expected `host port`"),
        (b"10.0.0.1 80 * x", "expected `host port`"),
        (b"10.0.0.1 80 * -1", "expected `host port`"),
        (b"10.0.0.1 80 * 1e9", "expected `host port`"),
        (b"10.0.0.1 80 * .", "expected `host port`"),
        (b"10.0.0.1 http", "expected `host port`"),
        (b"10.0.0.1 0", "the port must be from 1 to 65535"),
        (b"10.0.0.1 65536", "the port must be from 1 to 65535"),
        ("10.0.0.1 ８０".encode(), "expected `host port`"),
        ("bücher.example 80".encode(), "neither an IP address nor a host name"),
        (b"a..b 80", "neither an IP address nor a host name"),
        (b"\xff\x00 80", "neither an IP address nor a host name"),
        (b"x" * 100, f"found '{'x' * 60}…'"),
        (b"10.0.0.1 80\x0b", "expected `host port`"),
        (b"10.0.0.1\xc2\xa080", "expected `host port`"),
    ],
)
def test_a_malformed_line_is_named(line, message):
    with pytest.raises(AddressFileError) as caught:
        parse(b"10.0.0.1 80\n" + line + b"\n10.0.0.2 80")
    assert str(caught.value).startswith("line 2: ")
    assert message in str(caught.value)


@given(st.binary(max_size=200))
def test_whatever_is_in_a_file_is_read_or_refused(data):
    with suppress(AddressFileError):
        assert all(1 <= one.port <= 65535 and 0 <= one.weight < 1e10 for one in parse(data))


@given(st.lists(st.tuples(st.ip_addresses(v=4), st.integers(1, 65535), st.integers(0, 99)), max_size=10))
def test_what_is_written_is_read(lines):
    text = "\n".join(f"{ip} {port} * {weight}" for ip, port, weight in lines)
    expected = {(str(ip), port): float(weight) for ip, port, weight in lines}
    assert {(one.ip, one.port): one.weight for one in parse(text.encode())} == expected
