"""The files of `io.l5d.fs`: one address in a line.

# comment
10.0.0.1 8080
fd00::1 8080
canary.example 8080 * 0.1     a host name is resolved; the weight is 1 where none is given
"""

import re
from dataclasses import dataclass
from typing import Final

from noderouter.naming.dns.resolver import is_host_name, literal

_LINE = re.compile(
    rb"[ \t]*(?P<host>[^ \t]+)[ \t]+(?P<port>[0-9]{1,5})"
    rb"(?:[ \t]*\*[ \t]*(?P<weight>[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))?[ \t]*"
)
_BLANK = re.compile(rb"[ \t]*")
_SHOWN: Final = 60
"""Bytes of an offending line in a message."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `ip` is None where `host` has to be resolved."""

    host: str
    port: int
    weight: float
    ip: str | None


class AddressFileError(ValueError):
    """A line of a file is no address."""


def parse(data: bytes) -> tuple[Entry, ...]:
    """Return the addresses of a file; of lines with the same host and port the last one counts.

    Raises:
        AddressFileError: there is a malformed line; the message says which and why.
    """
    entries: dict[tuple[str, int], Entry] = {}
    for number, raw in enumerate(data.split(b"\n"), start=1):
        line = raw.removesuffix(b"\r").partition(b"#")[0]
        if _BLANK.fullmatch(line):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise _malformed(number, line, "expected `host port` or `host port * weight`")
        port = int(match["port"])
        if not 1 <= port <= 65535:
            raise _malformed(number, line, "the port must be from 1 to 65535")
        host = match["host"].decode("latin-1")
        ip = "127.0.0.1" if host == "localhost" else literal(host)
        if ip is None and not is_host_name(host):
            raise _malformed(number, line, "neither an IP address nor a host name")
        weight = match["weight"]
        entries[host, port] = Entry(host, port, 1.0 if weight is None else float(weight), ip)
    return tuple(entries.values())


def _malformed(number: int, line: bytes, why: str) -> AddressFileError:
    shown = line[:_SHOWN].decode("utf-8", "backslashreplace") + ("…" if len(line) > _SHOWN else "")
    return AddressFileError(f"line {number}: {why}, found {shown!r}")
