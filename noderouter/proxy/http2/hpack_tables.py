"""The two tables that RFC 7541 fixes, for HPACK in Python and, by a header made from them, in C.

`python -m noderouter.proxy.http2.hpack_tables` writes `_tables.h`; a test compares the two, and both with those of
another implementation.

The Huffman code (appendix B) is canonical: codes of one length are consecutive, in the order of their symbols, and each
length begins where the one before it ends. So the lengths are all there is to know of it.
"""

from pathlib import Path
from typing import Final

_VALUES: Final = (
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"), (b":path", b"/index.html"),
    (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"), (b":status", b"204"), (b":status", b"206"),
    (b":status", b"304"), (b":status", b"400"), (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
)  # fmt: skip
_NAMES: Final = (
    b"accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control "
    b"content-disposition content-encoding content-language content-length content-location content-range content-type "
    b"cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    b"last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh "
    b"retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
)

STATIC: Final = (*_VALUES, *((name, b"") for name in _NAMES.split()))
"""Names and values by index, from 1 on (appendix A)."""

CODE_LENGTHS: Final = (
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11,
    10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8,
    15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5,
    6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
    23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21,
    23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25,
    26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26,
    28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
)  # fmt: skip
"""Bits of the code of each byte, and of the end of a string (256), which must not be sent."""

HEADER: Final = Path(__file__).with_name("_tables.h")


def codes() -> list[int]:
    """Return the code of each symbol of `CODE_LENGTHS`."""
    found = [0] * len(CODE_LENGTHS)
    code = before = 0
    for symbol in sorted(range(len(CODE_LENGTHS)), key=lambda symbol: (CODE_LENGTHS[symbol], symbol)):
        code <<= CODE_LENGTHS[symbol] - before
        before = CODE_LENGTHS[symbol]
        found[symbol] = code
        code += 1
    return found


def header() -> str:
    """Return the C header: `STATIC_LINES` and `CODE_LENGTHS`."""
    lines = [
        "/* Made from hpack_tables.py by `python -m noderouter.proxy.http2.hpack_tables`: edit that.",
        " * Part of the compiled HPACK; see _hpack.c. */",
        "#ifndef NODEROUTER_TABLES_H",
        "#define NODEROUTER_TABLES_H",
        "#include <stdint.h>",
        "",
        f"#define STATIC_COUNT {len(STATIC)}",
        "/* As entries are kept: name, colon, space, value, CRLF. */",
        "static const struct { uint16_t name_len, value_len; const char *line; } STATIC_LINES[STATIC_COUNT] = {",
        *(f'    {{{len(name)}, {len(value)}, "{name.decode()}: {value.decode()}\\r\\n"}},' for name, value in STATIC),
        "};",
        "",
        "/* Bits of the Huffman code of each byte, and of the end of a string. */",
        f"static const uint8_t CODE_LENGTHS[{len(CODE_LENGTHS)}] = {{",
    ]
    lines += [
        "    " + " ".join(f"{length}," for length in CODE_LENGTHS[row : row + 24])
        for row in range(0, len(CODE_LENGTHS), 24)
    ]
    return "\n".join([*lines, "};", "#endif", ""])


if __name__ == "__main__":
    HEADER.write_text(header(), encoding="ascii")
