"""Heads as viewers see them: without secrets, and not endless."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_0, Response
from noderouter.telemetry.record import line
from noderouter.telemetry.tap.heads import BYTES, FIELDS, MASK, SECRET, fields, heads
from tests.testing.ended import ended


def response(block: bytes, **keys: Any) -> Response:
    return Response(200, b"OK", Headers(block), 0, **keys)


def test_both_heads() -> None:
    exchange = ended(
        block=b"Host: hello\r\nAccept:  */* \r\n",
        reserved=((b"via", b"1.1 a"),),
        version=HTTP_1_0,
        response_block=b"Content-Type: text/plain\r\n",
    )
    assert heads(exchange, SECRET) == {
        "request_head": {
            "version": "HTTP/1.0",
            "fields": [("Host", "hello"), ("Accept", "*/*"), ("via", "1.1 a")],
            "cut": False,
        },
        "response_head": {"reason": "OK", "fields": [("Content-Type", "text/plain")], "cut": False},
    }
    assert heads(ended(status=None), SECRET)["response_head"] is None


def test_secrets_are_masked_however_they_are_spelt() -> None:
    block = b"".join(b"%b: s3cret\r\n" % name for name in (b"Authorization", b"COOKIE", b"set-cookie", b"X-Api-Key"))
    shown = fields(response(block, reserved=((b"proxy-authorization", b"s3cret"),)), SECRET | {b"x-api-key"})
    assert "s3cret" not in json.dumps(shown)
    assert [value for _, value in shown["fields"]] == [MASK] * 5
    old = b"".join(b"%b: s3cret\r\n" % name for name in (b"Cookie2", b"Set-Cookie2", b"set_cookie", b"X_Api-Key"))
    assert "s3cret" not in json.dumps(fields(response(old), SECRET | {b"x-api-key"}))


SPELLING = st.sampled_from(sorted(SECRET)).flatmap(
    lambda name: st.lists(st.booleans(), min_size=len(name), max_size=len(name)).map(
        lambda upper: bytes(ord(chr(byte).upper()) if up else byte for byte, up in zip(name, upper, strict=True))
    )
)
VALUES = st.text("sS3cret+/= ,;\tÿ", min_size=1, max_size=60).map(lambda value: value.encode("latin-1"))
OTHERS = st.tuples(st.sampled_from([b"accept", b"x-authorization", b"cookies"]), st.just(b"open"))


@given(st.lists(st.tuples(SPELLING, VALUES) | OTHERS, max_size=20), st.booleans())
def test_no_secret_is_ever_shown(sent: list[tuple[bytes, bytes]], reserved: bool) -> None:
    if reserved:
        message = response(b"", reserved=tuple((name.lower(), value) for name, value in sent))
    else:
        message = response(b"".join(b"%b: %b\r\n" % field for field in sent))
    shown = fields(message, SECRET)
    assert not shown["cut"]
    values = [value for _, value in shown["fields"]]
    assert values == [MASK if name.lower() in SECRET else "open" for name, _ in sent]


@given(st.integers(0, 300), st.integers(0, 3 * BYTES))
def test_a_head_is_bounded(count: int, size: int) -> None:
    block = b"".join(b"a%d: %b\r\n" % (number, b"x" * (size // max(count, 1))) for number in range(count))
    shown = fields(response(block), SECRET)
    assert len(shown["fields"]) <= FIELDS
    assert sum(len(name) + len(value) for name, value in shown["fields"]) <= BYTES
    assert shown["cut"] is (len(shown["fields"]) < count)


def test_attacks_in_fields_are_text() -> None:
    block = b"x-a: \x9b31m</script>\xff\xc3\xa9\x7f\r\nx\x1b: \x07\r\n"
    written = line({"request_head": fields(response(block), SECRET)})
    assert all(0x20 <= ord(character) < 0x7F for character in written)
    assert json.loads(written)["request_head"]["fields"] == [["x-a", "\\x9b31m</script>\\xffé\x7f"], ["x\x1b", "\x07"]]
