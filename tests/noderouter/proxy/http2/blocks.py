"""Header blocks to try decoders on: made field by field, with a grammar that goes wrong now and then, and mutations.

Everything random is drawn from one `random.Random`, so that hypothesis can drive it (and shrink), and a fuzzer can seed
it. The code of integers and strings is written here once more, as plainly as RFC 7541 section 5 has it.
"""

from collections.abc import Iterable
from random import Random
from typing import Final

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

WITHOUT, NEVER, INDEXED = 0x00, 0x10, 0x40
"""Representations of literals (RFC 7541 section 6.2)."""

GET: Final = ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a:80"), (b":path", b"/x"))
OK: Final = ((b":status", b"200"),)

_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

NAMES: Final = [
    b":method",
    b":scheme",
    b":authority",
    b":path",
    b":protocol",
    b":status",
    b":odd",
    b":",
    b"",
    b"host",
    b"cookie",
    b"content-length",
    b"te",
    b"via",
    b"expect",
    b"trailer",
    b"l5d-dtab",
    b"connection",
    b"upgrade",
    b"keep-alive",
    b"transfer-encoding",
    b"proxy-connection",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"max-forwards",
    b"x-forwarded-client-cert",
    b"x_forwarded-client_cert",
    b"l5d_dtab",
    b"l5d-ctx_trace",
    b"keep_alive",
    b"content_length",
    b"x_y",
    b"accept",
    b"x",
    b"Accept",
    b"a b",
    b"a:b",
    b"\x00",
    b"grpc-status",
    b"authorization",
    b"l5d",
    b"hos",
    b"cookie2",
    b"range",
    b"if-x",
    b"set-cookie",
    b"x-request-id",
]
VALUES: Final = [
    b"GET",
    b"POST",
    b"CONNECT",
    b"OPTIONS",
    b"G T",
    b"http",
    b"https",
    b"1http",
    b"a",
    b"a:80",
    b"A:80",
    b"u@a",
    b"a,b",
    b"[::1]:443",
    b"[::g]",
    b"/",
    b"*",
    b"/x?y=z",
    b"/a b",
    b"/#",
    b"/\\",
    b"/?\\",
    b"x",
    b"/\x80",
    b"",
    b"websocket",
    b"200",
    b"101",
    b"099",
    b"999",
    b"20",
    b"2x0",
    b"100",
    b"5",
    b"007",
    b"+5",
    b"9" * 18,
    b"9" * 19,
    b"9" * 32,
    b"9" * 33,
    b"trailers",
    b"Trailers",
    b"gzip",
    b" a",
    b"a\t",
    b"a\tb",
    b"a\x00",
    b"a\x7f",
    b"a\r\nb: c",
    b"\xe4\xff",
    b"z" * 40,
    b"100-continue",
]


def integer(first: int, bits: int, value: int) -> bytes:
    """RFC 7541 section 5.1."""
    mask = (1 << bits) - 1
    if value < mask:
        return bytes([first | value])
    value -= mask
    rest = []
    while value >= 128:
        rest.append(value % 128 + 128)
        value //= 128
    return bytes([first | mask, *rest, value])


def string(text: bytes, coded: bool = False) -> bytes:
    """RFC 7541 section 5.2."""
    if coded:
        text = _huffman.encode(text)
    return integer(0x80 if coded else 0, 7, len(text)) + text


def literal(name: bytes | int, value: bytes, how: int = WITHOUT, coded: bool = False) -> bytes:
    """A literal field; its name may be an index."""
    bits = 6 if how == INDEXED else 4
    head = integer(how, bits, name) if isinstance(name, int) else bytes([how]) + string(name, coded)
    return head + string(value, coded)


def index(number: int) -> bytes:
    """An indexed field."""
    return integer(0x80, 7, number)


def update(size: int) -> bytes:
    """A table size update."""
    return integer(0x20, 5, size)


def block(fields: Iterable[tuple[bytes, bytes]], how: int = WITHOUT) -> bytes:
    """A block of literals."""
    return b"".join(literal(name, value, how) for name, value in fields)


def random_field(rng: Random) -> bytes:
    """A field: right, or wrong in some way."""
    if rng.random() < 0.3:
        return index(rng.choice([*range(64), 62, 63, 64, 65, 70, 100, 0, 5000]))
    name: bytes | int = rng.choice(NAMES) if rng.random() < 0.6 else rng.choice([0, *range(1, 70), 61, 62, 63, 9000])
    if name == 0:
        name = b"x"
    return literal(name, rng.choice(VALUES), rng.choice([WITHOUT, INDEXED, INDEXED, NEVER]), rng.random() < 0.4)


def plain_field(rng: Random) -> bytes:
    """A field that is always right."""
    name = rng.choice([b"accept", b"x", b"x-request-id", b"user-agent", b"cookie", b"te"])
    value = b"trailers" if name == b"te" else rng.choice([b"", b"a", b"b", b"%d" % rng.randrange(1000), b"y" * 200])
    return literal(name, value, rng.choice([WITHOUT, INDEXED, NEVER]), rng.random() < 0.5)


def random_block(rng: Random, kind: str) -> bytes:
    """A block for one of `request`, `response`, `trailers`; about every second one is right."""
    updates = [update(rng.choice([0, 60, 200, 4096, 4096, 5000])) for _ in range(rng.choice([0] * 20 + [1, 1, 2, 3]))]
    head = {"request": GET, "response": OK, "trailers": ()}[kind]
    fields = [literal(name, value, rng.choice([WITHOUT, INDEXED])) for name, value in head]
    if kind == "request" and rng.random() < 0.3:
        fields = [index(2), index(6), literal(1, b"a"), index(4)]
    fields += [
        random_field(rng)
        if rng.random() < 0.1
        else index(rng.randrange(62, 80))
        if rng.random() < 0.1
        else plain_field(rng)
        for _ in range(rng.randrange(10))
    ]
    if rng.random() < 0.2 and fields:
        fields.insert(rng.randrange(len(fields)), random_field(rng))
    if rng.random() < 0.01:
        fields.append(update(100))
    return mutate(rng, b"".join(updates + fields))


def mutate(rng: Random, data: bytes) -> bytes:
    """`data` with a few bytes changed, now and then."""
    for _ in range(rng.choice([0] * 10 + [1, 2])):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(3)
        byte = bytes([rng.choice([0, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0x82, 0xBE, 0xFF, rng.randrange(256)])])
        data = data[:at] + (b"" if what == 0 else byte) + data[at + (what < 2) :]
    return data


LINES: Final = [
    b"accept: */*\r\n",
    b"Accept: */*\r\n",
    b"accept:*/*\r\n",
    b"Accept: \t*/* \r\n",
    b"x: \r\n",
    b"x:\r\n",
    b"host: a\r\n",
    b"Host: b\r\n",
    b"cookie: a=b\r\n",
    b"cookie: session=0123456789abcdef\r\n",
    b"authorization: Basic eA==\r\n",
    b"Connection: close\r\n",
    b"upgrade: h2c\r\n",
    b"te: trailers\r\n",
    b"Transfer-Encoding: \r\n",
    b"authorization: \r\n",
    b"content-length: 5\r\n",
    b"X-Y: \xe4\xff\r\n",
    b"grpc-status: 0\r\n",
    b"accept-encoding: gzip, deflate\r\n",
    b"^~`: A\r\n",
    b"~^@: a\r\n",
]
BROKEN: Final = [
    b":status: 200\r\n",
    b":Status: 200\r\n",
    b"x",
    b"x: y\n",
    b"x\r\n",
    b": y\r\n",
    b"a b: c\r\n",
    b"x: a\x00b\r\n",
    b"\n",
    b"\r\n",
    b"x: a\rb\r\n",
]


def random_lines(rng: Random) -> bytes:
    """A block of field lines, some of them new each time, some long, and seldom one that is none."""
    lines = []
    for _ in range(rng.randrange(12)):
        kind = rng.random()
        if kind < 0.6:
            lines.append(rng.choice(LINES))
        elif kind < 0.9:
            lines.append(b"%b: %d\r\n" % (rng.choice([b"x-request-id", b"X-Other", b"etag"]), rng.randrange(100)))
        else:
            lines.append(b"x-long: %b\r\n" % (b"l" * rng.choice([900, 980, 990, 991, 992, 1100, 5000])))
    if rng.random() < 0.01:
        lines.append(rng.choice(BROKEN))
    return b"".join(lines)
