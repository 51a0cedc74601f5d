"""What is wrong with a field line, byte by byte."""

import pytest

from noderouter.proxy.http1.fields import FIELD, HeadError, diagnose

FOLD = "a field line begins with white space (obsolete folding)"
NAME = "a field name is not a token"
SPACE = "white space between a field name and its colon"
VALUE = "a control byte in a field value"
BARE_LF = "a line ends in LF without CR"
BARE_CR = "CR without LF"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b" a: b\r\n", FOLD), (b"\ta: b\r\n", FOLD), (b"a : b\r\n", SPACE), (b"a\t: b\r\n", SPACE), (b": b\r\n", NAME),
        (b"a(b: c\r\n", NAME), (b"\x00", NAME), (b"a\r\n", NAME), (b"\n", BARE_LF), (b"a\n", BARE_LF),
        (b"a: b\x00\r\n", VALUE), (b"a: \x7f", VALUE), (b"a: b\n", BARE_LF),
        (b"a: b\rc", BARE_CR), (b"a:\r\r\n", BARE_CR),
    ],
)  # fmt: skip
def test_wrong_lines(line: bytes, reason: str) -> None:
    assert FIELD.match(line) is None
    error = diagnose(b"##" + line + b"  more", 2, 2 + len(line))
    assert error is not None
    assert (error.status, error.reason, str(error)) == (400, reason, reason)


def test_unfinished_lines_are_right_so_far() -> None:
    line = b"A-b!: \t c\xe4d \r\n"
    for end in range(1, len(line)):
        assert diagnose(line, 0, end) is None
    assert FIELD.fullmatch(line) is not None


def test_head_error_keeps_its_parts() -> None:
    error = HeadError(431, "too much")
    assert error.args == (431, "too much")
    assert repr(error) == "HeadError(431, 'too much')"
