"""Responses that clients read although they are not as they should be: one reading of them is carried on, or none.

Both implementations; what becomes of such a response in the router is in `test_proxying`.
"""

from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.http1 import head_pure
from noderouter.proxy.http1.fields import HeadError
from tests.noderouter.proxy.http1.heads import random_head
from tests.noderouter.proxy.http1.test_smuggling import CL, END, RESPONSES, TE, R
from tests.testing.examples import examples

LIMITS = (8192, 65536)
FOLDED = "a field line begins with white space (obsolete folding)"
LENGTH = "Content-Length is not a number, or has too many digits"
LENGTHS = "more than one Content-Length"

# data -> length, block, reserved
CARRIED: dict[str, tuple[bytes, int, bytes, object]] = {
    "LF": (b"HTTP/1.1 200 OK\nA: b\nContent-Length: 5\n\n", 5, b"A: b\r\n", None),
    "LF here and there": (b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\n", -2, b"A: b\r\nC: d\r\n", None),
    "LF, then CRLF": (b"HTTP/1.1 200 OK\nA: b\n\r\n", -2, b"A: b\r\n", None),
    "LF, white space before it": (b"HTTP/1.1 200 OK\r\nA: b \nC: d\n\r\n", -2, b"A: b\r\nC: d\r\n", None),
    "LF without a reason": (b"HTTP/1.1 200\n\n", -2, b"", None),
    "LF, chunked": (b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", -1, b"", None),
    "space before a colon": (R + b"A : b\r\nC\t \t:d\r\n\r\n", -2, b"A: b\r\nC: d\r\n", None),
    "space before the colon of a length": (R + b"Content-Length : 5\r\n\r\n", 5, b"", None),
    "space before the colon of a coding": (R + b"Transfer-Encoding\t: chunked\r\n\r\n", -1, b"", None),
    "space before the colon of a reserved field": (R + b"VIA : x\r\n\r\n", -2, b"", ((b"via", b"x"),)),
    "space before the colon of Connection": (R + b"Connection : a\r\nA: b\r\n\r\n", -2, b"", None),
    "fold": (R + b"A: b\r\n c\r\nD: e\r\n\r\n", -2, b"A: b c\r\nD: e\r\n", None),
    "fold with much white space": (R + b"A: b \t \r\n\t  c \r\nD: e\r\n\r\n", -2, b"A: b c\r\nD: e\r\n", None),
    "white space that is no fold": (R + b"A: b  \t c\td\r\n e  f\r\n\r\n", -2, b"A: b  \t c\td e  f\r\n", None),
    "folds": (R + b"A: b\r\n c\n\td\r\n  e\r\n\r\n", -2, b"A: b c d e\r\n", None),
    "fold of an empty value": (R + b"A:\r\n b\r\n\tc\r\n\r\n", -2, b"A: b c\r\n", None),
    "fold of a reserved field": (R + b"l5d-err: a\r\n b\r\n\r\n", -2, b"", ((b"l5d-err", b"a b"),)),
    "fold of an empty reserved field": (R + b"Via:\r\n b\r\n c\r\n\r\n", -2, b"", ((b"via", b"b c"),)),
    "fold of a field that is dropped": (R + b"Proxy-Authenticate: a,\r\n b\r\nC: d\r\n\r\n", -2, b"C: d\r\n", None),
    "fold of what Connection names": (R + b"A: b\r\n c\r\nConnection: a\r\n\r\n", -2, b"", None),
    "fold that looks like a field": (R + b"A: b\r\n TE: 7\r\n\r\n", -2, b"A: b TE: 7\r\n", None),
    "equal lengths": (R + CL + CL + CL + END, 5, b"", None),
    "equal lengths in a list": (R + b"Content-Length: 5, 5 ,5\r\n" + END, 5, b"", None),
    "equal lengths in lists": (R + CL + b"Content-Length:5 , 5\r\n" + END, 5, b"", None),
    "equal vast lengths": (R + b"Content-Length: %d\r\n" % 10**20 * 2 + END, 10**20, b"", None),
}  # fmt: skip
# data -> reason
REFUSED: dict[str, tuple[bytes, str]] = {
    "different lengths": (R + CL + b"Content-Length: 6\r\n" + END, LENGTHS),
    "lengths that are written differently": (R + CL + b"Content-Length: 05\r\n" + END, LENGTHS),
    "different lengths in a list": (R + b"Content-Length: 5, 6\r\n" + END, LENGTHS),
    "a length and nothing": (R + b"Content-Length: 5,\r\n" + END, LENGTHS),
    "vast lengths that differ": (R + b"Content-Length: %d\r\nContent-Length: %d\r\n" % (10**20, 10**21) + END, LENGTHS),
    "nothing and a length": (R + b"Content-Length: , 5\r\n" + END, LENGTH),
    "a length and a coding": (R + CL + CL + TE + END, "both Content-Length and Transfer-Encoding"),
    "a coding and lengths": (R + TE + b"Content-Length: 5, 5\r\n" + END, "both Content-Length and Transfer-Encoding"),
    "two codings": (R + TE + TE + END, "more than one Transfer-Encoding"),
    "folded length": (R + b"Content-Length: 5\r\n 0\r\n" + END, FOLDED),
    "folded coding": (R + b"Transfer-Encoding: chunked\r\n , x\r\n" + END, FOLDED),
    "folded Connection": (R + b"Connection: close,\r\n a\r\n" + END, FOLDED),
    "folded Upgrade": (R + b"Upgrade: a,\r\n b\r\n" + END, FOLDED),
    "first line folded": (R + b" A: b\r\n" + END, FOLDED),
    "a line of white space": (R + b"A: b\r\n \r\n" + END, FOLDED),
    "a line of white space, LF": (R + b"A: b\r\n\t \n" + END, FOLDED),
    "a fold, then a line of white space": (R + b"A: b\r\n c\r\n \r\n" + END, FOLDED),
    "bare CR": (R + b"A: b\rC: d\r\n" + END, "CR without LF"),
    "CR CR LF": (R + b"A: b\r\r\n" + END, "CR without LF"),
    "bare CR in a fold": (R + b"A: b\r\n c\rd\r\n" + END, "CR without LF"),
    "NUL in a fold": (R + b"A: b\r\n c\x00\r\n" + END, "a control byte in a field value"),
    "two words before a colon": (R + b"A b: c\r\n" + END, "white space between a field name and its colon"),
    "no colon, LF": (R + b"A\n" + END, "a field name is not a token"),
    "a name and white space, LF": (R + b"A \n" + END, "white space between a field name and its colon"),
    "no name": (R + b" : b\r\n" + END, FOLDED),
    "no status, LF": (b"HTTP/1.1\n\n", "the version is not HTTP/1.0 or HTTP/1.1"),
    "half a status, LF": (b"HTTP/1.1 20\n\n", "the status is not three digits from 100 to 999"),
    "status 099": (b"HTTP/1.1 099 OK\r\n\r\n", "the status is not three digits from 100 to 999"),
    "NUL in the reason, LF": (b"HTTP/1.1 200 O\x00K\n\n", "a control byte in the reason phrase"),
    "an empty line before": (b"\nHTTP/1.1 200 OK\n\n", "the version is not HTTP/1.0 or HTTP/1.1"),
}  # fmt: skip


def lenient(heads: ModuleType, data: bytes) -> tuple[object, ...] | str | None:
    try:
        return heads.parse_response(data, *LIMITS, True)  # type: ignore[no-any-return]
    except HeadError as error:
        return error.reason


@pytest.mark.parametrize("name", CARRIED)
def test_carried(heads: ModuleType, name: str) -> None:
    data, length, block, reserved = CARRIED[name]
    for behind in (b"", b" x", b"\n"):
        found = heads.parse_response(data + behind, *LIMITS, True)
        assert (found[0], *found[4:]) == (len(data), length, False, block, reserved)  # and the connection ends
    with pytest.raises(HeadError):
        heads.parse_response(data, *LIMITS)
    with pytest.raises(HeadError):
        heads.parse_response(data, *LIMITS, False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(heads: ModuleType, name: str) -> None:
    data, reason = REFUSED[name]
    assert lenient(heads, data) == reason


@pytest.mark.parametrize("name", [*CARRIED, *REFUSED])
def test_a_verdict_is_for_good_and_as_early_as_can_be(heads: ModuleType, name: str) -> None:
    data = (CARRIED.get(name) or REFUSED[name])[0]
    said = [lenient(heads, data[:n]) for n in range(len(data) + 1)]
    first = next(n for n, word in enumerate(said) if word is not None)
    assert set(said[first:]) == {said[-1]}
    assert lenient(heads, data + b"\r\n\r\n") == said[-1]


@pytest.mark.parametrize("status", [600, 700, 999])
def test_any_status(heads: ModuleType, status: int) -> None:
    data = b"HTTP/1.1 %d Odd\r\n\r\n" % status
    assert heads.parse_response(data, *LIMITS, True) == (len(data), status, b"Odd", 1, -2, True, b"", None)
    with pytest.raises(HeadError, match="100 to 599"):
        heads.parse_response(data, *LIMITS)


def test_at_most_512_fields_and_as_many_folds_as_there_is_room_for(heads: ModuleType) -> None:
    folded = R + b"A: b\r\n" + b" c\n" * 20_000
    found = heads.parse_response(folded + b"\r\n", *LIMITS, True)
    assert found is not None
    assert found[6] == b"A: b" + b" c" * 20_000 + b"\r\n"
    assert lenient(heads, folded + b" d" * 5000) == "the head is too large"
    assert lenient(heads, R + b"A: b\n" * 512 + b"C") == "more than 512 fields"


@pytest.mark.parametrize("name", [name for name, (_, length) in RESPONSES.items() if length < 400])
def test_what_needs_no_repair_is_read_the_same(heads: ModuleType, name: str) -> None:
    data = RESPONSES[name][0]
    assert heads.parse_response(data, *LIMITS, True) == heads.parse_response(data, *LIMITS)


@given(st.randoms(use_true_random=False))
@examples(500)
def test_it_says_what_the_right_head_says(rng: Random) -> None:
    """A head is spoilt in the ways that may be repaired: it is read as the one it was made of."""
    right = random_head(rng, True)
    try:
        expected = head_pure.parse_response(right, *LIMITS)
    except HeadError:
        return
    if expected is None:
        return
    assert head_pure.parse_response(right, *LIMITS, True) == expected
    spoilt = []
    for line in right[: expected[0]].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and spoilt:
            framing = name.lower() in (b"content-length", b"transfer-encoding", b"connection", b"upgrade")
            if not framing and value.strip() and rng.random() < 0.3:
                value = rng.choice([b"\r\n ", b" \n\t "]) + value + b" "
            line = name + rng.choice([b"", b" ", b"\t"]) + b":" + value
            if name.lower() == b"content-length" and rng.random() < 0.5:
                line += b"\n" + line
        spoilt.append(line)
    data = b"".join(line + rng.choice([b"\r\n", b"\n"]) for line in spoilt[:-1])
    found = head_pure.parse_response(data, *LIMITS, True)
    assert found is not None
    assert found[0] == len(data)
    assert (*found[1:5], *found[6:]) == (*expected[1:5], *expected[6:])
    assert found[5] == (expected[5] and data == right[: expected[0]])
