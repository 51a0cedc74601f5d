"""The one table of field names that mean something to a router, for every version and for the compiled parser.

`python -m noderouter.proxy.http.field_names` writes `_fields.h` from it; a test compares the two.
"""

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Final


class FieldKind(Enum):
    """What becomes of a field that has a name of the table; the value is its name in C."""

    HOST = "HOST_FIELD"
    """Forwarded, and read."""
    LENGTH = "LENGTH"
    CODING = "CODING"
    CONNECTION = "CONNECTION"
    UPGRADE = "UPGRADE"
    RESERVED = "RESERVED"
    """The router acts on it: in `Exchange.reserved`, and not among the others."""
    DROPPED = "DROPPED"
    """Hop-by-hop, and of no use to the next hop (RFC 9110 section 7.6.1)."""


KINDS: Final = {
    b"te": FieldKind.RESERVED,
    b"via": FieldKind.RESERVED,
    b"host": FieldKind.HOST,
    b"expect": FieldKind.RESERVED,
    b"trailer": FieldKind.RESERVED,
    b"upgrade": FieldKind.UPGRADE,
    b"connection": FieldKind.CONNECTION,
    b"keep-alive": FieldKind.DROPPED,
    b"max-forwards": FieldKind.RESERVED,
    b"content-length": FieldKind.LENGTH,
    b"proxy-connection": FieldKind.DROPPED,
    b"transfer-encoding": FieldKind.CODING,
    b"proxy-authenticate": FieldKind.DROPPED,
    b"proxy-authorization": FieldKind.DROPPED,
    b"x-forwarded-client-cert": FieldKind.RESERVED,
}
"""By name in lower case."""

RESERVED_PREFIX: Final = b"l5d-"
"""Fields that begin so are reserved, too."""


def kind_of(name: bytes) -> FieldKind | None:
    """Return what becomes of a field, by its name in lower case; None where that means nothing to us.

    With `_` for a `-`, which is the same to what is behind CGI or WSGI, a name of ours means nothing, and is dropped:
    else a stranger could say what only a router may.
    """
    if b"_" not in name:
        return KINDS.get(name) or (FieldKind.RESERVED if name.startswith(RESERVED_PREFIX) else None)
    meant = name.replace(b"_", b"-")
    return FieldKind.DROPPED if meant in KINDS or meant.startswith(RESERVED_PREFIX) else None


END_TO_END: Final = (
    b"host", b"via", b"forwarded", b"expect", b"authorization", b"cookie", b"set-cookie", b"cache-control",
    b"max-forwards",
)  # fmt: skip
"""What Connection must not name: fields that are meant for everybody (RFC 9110 section 7.6.1)."""

END_TO_END_PREFIXES: Final = (b"l5d-", b"x-forwarded-", b"content-")

HOP_BY_HOP: Final = frozenset(
    name for name, kind in KINDS.items() if kind is not FieldKind.HOST and name not in END_TO_END
) - {b"content-length", b"x-forwarded-client-cert"}
"""What never goes beyond a connection, whether Connection names it or not."""

CONNECTION_SPECIFIC: Final = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
"""What no message of HTTP/2 may have (RFC 9113 section 8.2.2); `te` may only be `trailers`."""

NOT_IN_TRAILERS: Final = frozenset(
    b"content-length transfer-encoding host via forwarded max-forwards expect range authorization "
    b"www-authenticate authentication-info cookie set-cookie cache-control pragma age expires date location "
    b"retry-after vary warning content-encoding content-type content-range".split()
)
"""What frames, routes, authenticates or explains a message is refused behind it (RFC 9110 section 6.5.1).

Reserved fields go no further from there. In HTTP/1 they are refused as well; in HTTP/2 Linkerd tells its verdict so.
"""

NOT_IN_TRAILERS_PREFIXES: Final = (b"x-forwarded-", b"if-")

HEADER: Final = Path(__file__).with_name("_fields.h")


def header() -> str:
    """Return the C header: `kind_of` and a question for each list, for names in any case."""
    prefix = len(RESERVED_PREFIX) - 1
    by_length: dict[int, list[bytes]] = {}
    for name in sorted(KINDS, key=len):
        by_length.setdefault(len(name), []).append(name)
    lines = [
        "/* Made from field_names.py by `python -m noderouter.proxy.http.field_names`: edit that.",
        " * Part of the compiled head parser and HPACK; see _grammar.h. */",
        "#ifndef NODEROUTER_FIELDS_H",
        "#define NODEROUTER_FIELDS_H",
        "",
        "/* Fields that mean something to us. PLAIN ones are forwarded; HOST_FIELD too. */",
        f"enum kind {{ PLAIN, {', '.join(kind.value for kind in FieldKind)} }};",
        "",
        "/* `kind` where a name is `lower`. With '_' for a '-', which is the same to what is behind CGI, it means",
        " * nothing to us, and is dropped: else a stranger could say what only a router may. */",
        "static inline enum kind named(const uint8_t *name, const char *lower, size_t len, enum kind kind)",
        "{",
        "    for (size_t i = 0; i < len; i++)",
        "        if ((name[i] | 0x20) != (uint8_t)lower[i]) {",
        "            if (name[i] != '_' || lower[i] != '-')",
        "                return PLAIN;",
        "            kind = DROPPED;",
        "        }",
        "    return kind;",
        "}",
        "",
        "static inline enum kind kind_of(const uint8_t *name, size_t len)",
        "{",
        "    enum kind kind;",
        "    switch (len) {",
    ]
    for length, names in by_length.items():
        lines.append(f"    case {length}:")
        lines += [_case(name) for name in names]
        lines.append("        break;")
    return "\n".join(
        [
            *lines,
            "    }",
            f'    if (len > {prefix} && IS(name, {prefix}, "{RESERVED_PREFIX[:-1].decode()}")'
            f" && (name[{prefix}] == '-' || name[{prefix}] == '_'))",
            "        return memchr(name, '_', len) ? DROPPED : RESERVED;",
            "    return PLAIN;",
            "}",
            "",
            "/* What Connection must not name (RFC 9110 section 7.6.1): fields that are meant for everybody. */",
            *_question("is_end_to_end", END_TO_END, END_TO_END_PREFIXES),
            "",
            "/* What no message of HTTP/2 may have (RFC 9113 section 8.2.2). */",
            *_question("is_connection_specific", CONNECTION_SPECIFIC),
            "",
            "/* What is refused behind a message (RFC 9110 section 6.5.1). */",
            *_question("is_not_in_trailers", sorted(NOT_IN_TRAILERS), NOT_IN_TRAILERS_PREFIXES),
            "#endif",
            "",
        ]
    )


def _case(name: bytes) -> str:
    """The line of `kind_of` for one name."""
    kind = KINDS[name].value
    if b"-" not in name:
        return f'        if (IS(name, len, "{name.decode()}")) return {kind};'
    return f'        if ((kind = named(name, "{name.decode()}", len, {kind}))) return kind;'


def _question(function: str, names: Iterable[bytes], prefixes: Iterable[bytes] = ()) -> list[str]:
    """The lines of a function that says whether a name is one of these."""
    tests = [f'IS(name, len, "{name.decode()}")' for name in names]
    tests += [f'BEGINS(name, len, "{prefix.decode()}")' for prefix in prefixes]
    return [
        f"static inline bool {function}(const uint8_t *name, size_t len)",
        "{",
        "    return " + "\n        || ".join(tests) + ";",
        "}",
    ]


if __name__ == "__main__":
    HEADER.write_text(header(), encoding="ascii")
