"""Which hosts the interface answers to.

A page of another site cannot read what a browser gets here, unless the site's name is made to lead here (DNS
rebinding): then it is the same site to the browser, and only the `Host` tells. Addresses and `localhost` cannot be
made to lead elsewhere; names have to be configured.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final

_ZONE: Final = re.compile(r"[a-z0-9_.-]{1,32}")


def is_ours(host: str | None, names: Collection[str]) -> bool:
    """Whether a `Host` field is an address, `localhost`, or one of `names` (in lower case); its port does not matter.

    No field is no browser: HTTP/1.0 needs none, and HTTP/1.1 is refused without one before.
    """
    if host is None:
        return True
    name = _without_port(host.strip().lower())
    return name == "localhost" or name.removesuffix(".") in names or _is_address(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        inner, closing, port = host[1:].partition("]")
        return inner if closing and ":" in inner and _is_port(port) else ""
    name, colon, port = host.partition(":")
    return name if _is_port(colon + port) and ":" not in port else ""


def _is_port(text: str) -> bool:
    """Whether `text` is empty, or a colon and digits."""
    return text == "" or (text[0] == ":" and (text[1:] == "" or (text[1:].isascii() and text[1:].isdigit())))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    _, has_zone, zone = name.partition("%")  # which may be anything; it is written on pages
    return not has_zone or _ZONE.fullmatch(zone) is not None
