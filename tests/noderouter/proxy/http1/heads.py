"""Heads to try parsers on: a grammar that goes wrong now and then, and mutations of what it makes.

Everything is drawn from one `random.Random`, so that hypothesis can drive it (and shrink), and a fuzzer can seed it.
"""

from random import Random
from typing import Final

METHODS: Final = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"get", b"M-SEARCH", b"G#T", b"", b"G T"]
TARGETS: Final = [
    b"/", b"/a/b?c=d", b"*", b"/?q={\"a\":[1|2]}", b"a:80", b"[::1]:443", b"http://a/", b"HTTPS://a:1?x", b"/a\\b",
    b"/?a\\b", b"/#f", b"http://u@a/", b"http://", b"ftp://a/", b"//a/", b"/%", b"a", b"/\x80", b"", b"/a?b?c", b"?x",
]  # fmt: skip
VERSIONS: Final = [b"HTTP/1.1"] * 100 + [b"HTTP/1.0"] * 20 + [
    b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.10", b"HTTP/1", b"HTTP/11", b"", b"HTTP/1.1 ",
]  # fmt: skip
STATUSES: Final = [b"200", b"204", b"101", b"304", b"599", b"099", b"600", b"20", b"2000", b"2x0", b""]
REASONS: Final = [b" OK", b" ", b"", b" Not  Found", b" \xe4", b" a\x00", b"\tOK", b" a\tb"]
NAMES: Final = [
    b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"TRANSFER-ENCODING", b"Connection",
    b"connection", b"Keep-Alive", b"Upgrade", b"TE", b"Trailer", b"Via", b"Expect", b"l5d-dtab", b"L5D-CTX-Trace",
    b"Max-Forwards", b"X-Forwarded-Client-Cert", b"Proxy-Connection", b"Proxy-Authorization", b"Proxy-Authenticate",
    b"Accept", b"Foo", b"X", b"l5d", b"l5d_", b"Content_Length", b"Content-Length ",
    b"L5d_ctx-trace", b"l5d-ctx_trace", b"X_Forwarded-Client_Cert", b"keep_alive", b"Transfer_Encoding", b"x_y",
    b" Folded", b"", b"A(b", b"\x00",
    b"Content-Lengthy", b"Hos", b"Cookie", b"Set-Cookie",
]  # fmt: skip
VALUES: Final = [
    b"a", b"", b"a:80", b"[::1]", b"a,b", b"0", b"5", b"+5", b"5, 5", b"0x5", b"999999999999999999",
    b"1000000000000000000", b"9" * 32, b"9" * 33,
    b"chunked", b"Chunked", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked",
    b"chunked;q=1", b"identity", b"\tchunked ", b",chunked", b"close", b"keep-alive", b"Keep-Alive, Foo", b"upgrade",
    b"foo, x", b"host", b"content-length", b"l5d-dtab", b"close, transfer-encoding", b",,", b"a b", b"x-forwarded-for",
    b"h2c", b"100-continue", b"trailers", b"\xe4\xf6", b"a\tb", b"a\x00b", b"a\x7f", b"\"x\"", b"a\rb", b"a\nb",
    b"%41", b"%4", b"a:99999", b"a:65535", b":80", b"[::g]", b"[1.2.3.4]", b"[::1]x", b"[::1", b"1.2.3.4:", b"foo\x80",
    b"keep_alive, x_y", b"x_forwarded_client_cert, l5d_dtab", b"close, content_length",
    b"a1, a2, a3, a4, a5, a6, a7, a8, a9, b1, b2, b3, b4, b5, b6, b7, b8, b9, c1, c2, c3, c4, c5, c6, c7, c8, c9, d1",
]  # fmt: skip
SPACES: Final = [b" "] * 12 + [b"", b"  ", b"\t", b" \t "]
ENDS: Final = [b"\r\n"] * 300 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n ", b"\r\n\r\n", b"\x0b\r\n"]
BYTES: Final = b"\r\n \t:,;/?#%[]()\x00\x1f\x7f\x80\xffaZ0"


def field(rng: Random) -> bytes:
    """A field line: one that matters, or one that is wrong."""
    kind = rng.randrange(6)
    if kind == 0:
        name, value = rng.choice(NAMES), rng.choice(VALUES)
    elif kind == 1:
        name, value = rng.choice(NAMES[2:4]), rng.choice(VALUES[:12])
    elif kind == 2:
        name, value = rng.choice(NAMES[4:6]), rng.choice(VALUES[12:22])
    elif kind == 3:
        name, value = rng.choice(NAMES[6:8]), rng.choice([*VALUES[22:33], VALUES[-1]])
    elif kind == 4:
        name, value = b"Host", rng.choice(VALUES)
    else:
        name, value = rng.choice(NAMES[8:21]), rng.choice(VALUES[33:40])
    return name + b":" + rng.choice(SPACES) + value + rng.choice(ENDS)


def plain(rng: Random) -> bytes:
    """A field line that any parser takes."""
    return b"%b: %b\r\n" % (rng.choice(NAMES[21:24]), rng.choice(VALUES[:3]))


def random_head(rng: Random, response: bool) -> bytes:
    """A head of the grammar above; about one in three is well-formed."""
    if response:
        line = (
            rng.choice(VERSIONS)
            + b" "
            + rng.choice(STATUSES[: rng.choice([3, 3, 3, 3, 11])])
            + rng.choice(REASONS[: rng.choice([3, 3, 3, 8])])
        )
    else:
        empty = rng.choice([b""] * 30 + [b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n"])
        many = rng.random() < 0.15
        method = rng.choice(METHODS if many else METHODS[:4])
        target = rng.choice(TARGETS if many else TARGETS[:2])
        line = empty + method + b" " + target + b" " + rng.choice(VERSIONS)
    fields = [field(rng) if rng.random() < 0.155 else plain(rng) for _ in range(rng.randrange(8))]
    if not response and rng.random() < 0.8:
        fields.insert(rng.randrange(len(fields) + 1), b"Host: a\r\n")
    if rng.random() < 0.02:
        fields += [b"a:\r\n"] * rng.choice([500, 510, 511, 512, 513])
    return line + rng.choice(ENDS) + b"".join(fields) + rng.choice([b"\r\n"] * 9 + [b"", b"\r", b"\n", b"\r\n\r\nx"])


def loosen(rng: Random, data: bytes) -> bytes:
    """`data` with some lines that end in LF, are folded, or have white space before a colon, and repeated lengths."""
    lines = []
    for line in data.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and rng.random() < 0.2:
            line = name + rng.choice([b" ", b"\t ", b""]) + b":" + value
        if colon and rng.random() < 0.2:
            line += rng.choice([b"\r\n ", b"\n\t", b" \r\n  ", b"\n "]) + rng.choice(
                [b"x", b"a\tb ", b"", b"7", b"\x00"]
            )
        if rng.random() < 0.1:
            line += b"\nContent-Length: " + rng.choice([b"7", b"7, 7", b"7,07", b"7 ,", b"9" * 20])
        lines.append(line)
    return b"".join(line + rng.choice([b"\r\n", b"\n"]) for line in lines)


def mutate(rng: Random, data: bytes) -> bytes:
    """`data` with a few bytes or stretches changed."""
    for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2, 5])):
        i = rng.randrange(len(data) + 1)
        j = min(len(data), i + rng.choice([0, 1, 1, 2, 8]))
        what = rng.randrange(4)
        if what == 0:
            data = data[:i] + bytes([rng.choice(BYTES)]) + data[i:]
        elif what == 1:
            data = data[:i] + data[j:]
        elif what == 2:
            data = data[:i] + bytes([rng.choice(BYTES)]) * (j - i) + data[j:]
        else:
            data = data[:j] + data[i:]
    return data


def limits(rng: Random, data: bytes) -> tuple[int, int]:
    """A max_line and a max_head, near what `data` needs or far from it."""
    near = [len(data) + d for d in range(-3, 4)] + [data.find(b"\r\n") + d for d in range(-2, 3)]
    return rng.choice([8192] * 30 + [16, *near, -1]), rng.choice([65536] * 30 + [*near, 0])
