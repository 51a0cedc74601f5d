"""Via, on the way out and on the way back."""

import pytest

from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_0, HTTP_1_1, Response
from noderouter.proxy.http.via import MAX_VIA_BYTES, via_request, via_response
from tests.testing.reply import make_exchange

Reserved = tuple[tuple[bytes, bytes], ...]


def both(reserved: Reserved | None, version: int = HTTP_1_1) -> bytes:
    """The line, which is the same for requests and responses."""
    line = via_request(make_exchange(reserved=reserved, version=version))
    assert via_response(Response(200, b"OK", Headers(), 0, version, reserved)) == line
    return line


@pytest.mark.parametrize(
    ("reserved", "version", "line"),
    [
        (None, HTTP_1_1, b"via: 1.1 linkerd\r\n"),
        (None, HTTP_1_0, b"via: 1.0 linkerd\r\n"),
        (((b"te", b"trailers"),), HTTP_1_1, b"via: 1.1 linkerd\r\n"),
        (((b"via", b"1.1 fred"),), HTTP_1_1, b"via: 1.1 fred, 1.1 linkerd\r\n"),
        (((b"via", b"1.1 fred"),), HTTP_1_0, b"via: 1.1 fred, 1.0 linkerd\r\n"),
        (((b"via", b"1.1 a, 1.0 b"), (b"via", b"1.1 c")), HTTP_1_1, b"via: 1.1 a, 1.0 b, 1.1 c, 1.1 linkerd\r\n"),
        (((b"via", b""),), HTTP_1_1, b"via: 1.1 linkerd\r\n"),
    ],
)
def test_an_entry_is_appended(reserved: Reserved | None, version: int, line: bytes) -> None:
    assert both(reserved, version) == line


def test_a_long_via_loses_its_oldest_entries() -> None:
    entries = [b"1.1 hop-%d" % n for n in range(4000)]
    line = both(((b"via", b", ".join(entries)),))
    assert len(line) < MAX_VIA_BYTES + 40
    kept = line.removeprefix(b"via: ").removesuffix(b"\r\n").split(b", ")
    assert kept[-1] == b"1.1 linkerd"
    assert kept[:-1] == entries[-len(kept) + 1 :]


def test_a_single_huge_entry_goes_altogether() -> None:
    assert both(((b"via", b"a" * (MAX_VIA_BYTES + 1)),)) == b"via: 1.1 linkerd\r\n"
