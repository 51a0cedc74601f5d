"""The rewriting namers below `/$/`: from the labels after the namer's name to those of another path.

Each is a pure function that answers None where the labels do not have the shape it is for; that is Neg, so that
the next alternative gets its turn. The `Pfx` variants keep the first label and work on those after it.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

Labels = tuple[bytes, ...]
Rewrite = Callable[[Labels], Labels | None]

_METHOD = re.compile(rb"[A-Z]+")
_HOST = re.compile(rb"[A-Za-z0-9.:_\-]+")
_HOST_AND_PORT = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([^:]+)):([a-z0-9][a-z0-9\-]{0,62})")
"""The port may be a name, as Kubernetes has it: at most 63 characters (RFC 6335). An IPv6 address stands in brackets,
which are no part of it (RFC 3986 section 3.2.2); Linkerd has no name for those.
"""
_PORT_SUFFIX = re.compile(rb":[0-9]+\Z")


def _after_prefix(rewrite: Rewrite) -> Rewrite:
    """The `Pfx` variant."""

    def keep_first(labels: Labels) -> Labels | None:
        rest = rewrite(labels[1:])
        return None if rest is None or not labels else labels[:1] + rest

    return keep_first


def _host_port(labels: Labels) -> Labels | None:
    found = _HOST_AND_PORT.fullmatch(labels[0]) if labels else None
    return None if found is None else (found[1] or found[2], found[3], *labels[1:])


def _port_host(labels: Labels) -> Labels | None:
    found = _HOST_AND_PORT.fullmatch(labels[0]) if labels else None
    return None if found is None else (found[3], found[1] or found[2], *labels[1:])


def _any_method(labels: Labels) -> Labels | None:
    return labels[1:] if labels and _METHOD.fullmatch(labels[0]) else None


def _any_host(labels: Labels) -> Labels | None:
    return labels[1:] if labels and _HOST.fullmatch(labels[0]) else None


def _domain_to_path(labels: Labels) -> Labels | None:
    """Reverse the labels of a domain; one dot at the end means the root and is left out."""
    if not labels or not _HOST.fullmatch(labels[0]):
        return None
    parts = labels[0].removesuffix(b".").split(b".")
    return None if b"" in parts else (*reversed(parts), *labels[1:])


def _subdomain_of(labels: Labels) -> Labels | None:
    if len(labels) < 2:
        return None
    subdomain = _subdomain(labels[0], labels[1])
    return None if subdomain is None else (subdomain, *labels[2:])


def _subdomain_of_pfx(labels: Labels) -> Labels | None:
    """The domain comes before the label that is kept."""
    if len(labels) < 3:
        return None
    subdomain = _subdomain(labels[0], labels[2])
    return None if subdomain is None else (labels[1], subdomain, *labels[3:])


def _subdomain(domain: bytes, host: bytes) -> bytes | None:
    """What `host` has in front of `.domain`, its port not counted."""
    if not (_HOST.fullmatch(domain) and _HOST.fullmatch(host)):
        return None
    suffix = b"." + domain
    for name in (host, _PORT_SUFFIX.sub(b"", host)):
        if name.endswith(suffix):
            return name[: -len(suffix)] or None
    return None


REWRITERS: Final[Mapping[bytes, Rewrite]] = MappingProxyType(
    {
        b"io.buoyant.hostportPfx": _after_prefix(_host_port),
        b"io.buoyant.porthostPfx": _after_prefix(_port_host),
        b"io.buoyant.http.anyMethod": _any_method,
        b"io.buoyant.http.anyMethodPfx": _after_prefix(_any_method),
        b"io.buoyant.http.anyHost": _any_host,
        b"io.buoyant.http.anyHostPfx": _after_prefix(_any_host),
        b"io.buoyant.http.subdomainOf": _subdomain_of,
        b"io.buoyant.http.subdomainOfPfx": _subdomain_of_pfx,
        b"io.buoyant.http.domainToPath": _domain_to_path,
        b"io.buoyant.http.domainToPathPfx": _after_prefix(_domain_to_path),
    }
)
"""By the name after `/$/`."""
