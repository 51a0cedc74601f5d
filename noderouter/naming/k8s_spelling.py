"""Spellings of Services in hosts, and the one name that they have (pure).

    web    web.shop    web.shop.svc    web.shop.svc.<cluster domain>        /shop/web
    any of them with :8080                                                  /shop/web/8080
    db-0.db.shop    db-0.db.shop.svc    db-0.db.shop.svc.<cluster domain>   /shop/db-0.db

in any case, with or without a dot behind. The labels of a host come reversed, as `domainToPath` gives them, the last
one perhaps with the port (`/shop:8080/web`); behind them may be the namespace of the client, for hosts of one label
(`/web/in:shop`). Without it, that is `default`.

Where a host could be read in two ways (`a.b.svc`: Service `a` of `b`, or pod `a` of Service `b` in a namespace `svc`),
`svc` is the one of DNS.
"""

import re
from collections.abc import Sequence
from typing import Final

from noderouter.core.client_namespaces import DEFAULT, MARK
from noderouter.naming.k8s_path import LABEL, PORT

Labels = tuple[bytes, ...]

SVC: Final = "svc"
ANY_PORT: Final = ("http", "80")
"""Which ports a host without a port means, the first that there is."""
_MOST: Final = 63
"""Labels of a host and of a cluster's domain, at most: a host has up to 253 bytes, but nothing has to be that long."""
_WHOLE: Final = re.compile(LABEL.pattern + r"(?:\." + LABEL.pattern + ")?")
"""A Service, or one pod of it."""


def canonical(labels: Labels, domain: Sequence[str] = ()) -> Labels | None:
    """Return the one name of the Service, or of its pod, that a reversed host spells; None where it cannot be one.

    Args:
        labels: of the host, the last one first; perhaps with the client's namespace behind.
        domain: the labels of the cluster's domain, the last one first; empty where it is not known.
    """
    words, namespace = _read(labels)
    if not words or len(words) > _MOST:
        return None
    last, colon, port = words[0].partition(":")
    words[:1] = [last] if last else []  # a dot is behind the host
    if colon and port and not PORT.fullmatch(port):
        return None
    whole = [*domain, SVC]
    if domain and words[: len(whole)] == whole:
        del words[: len(whole)]
        if len(words) < 2:
            return None
    elif len(words) > 2 and words[0] == SVC:
        del words[0]
    if len(words) == 1:
        words.insert(0, namespace)
    if not 2 <= len(words) <= 3 or not all(map(LABEL.fullmatch, words)):
        return None
    found = (words[0], ".".join(reversed(words[1:])), *([port] if port else []))
    return tuple(word.encode() for word in found)


def ports(labels: Labels) -> list[Labels] | None:
    """What `/<namespace>/<service>[/<port>]` means, as `/<namespace>/<port>/<service>`, the first that there is.

    None where it cannot be a Service. The namespace of a client may be behind, and says nothing here.
    """
    words, _ = _read(labels)
    if not 2 <= len(words) <= 3 or not LABEL.fullmatch(words[0]) or not _WHOLE.fullmatch(words[1]):
        return None
    if len(words) == 3 and not PORT.fullmatch(words[2]):
        return None
    namespace, service = words[0].encode(), words[1].encode()
    return [(namespace, port.encode(), service) for port in (words[2:] or ANY_PORT)]


def _read(labels: Labels) -> tuple[list[str], str]:
    """Return the labels in lower case, and the namespace behind them."""
    namespace = DEFAULT
    if len(labels) > 1 and labels[-1].startswith(MARK):
        namespace = labels[-1][len(MARK) :]
        labels = labels[:-1]
    # What is not ASCII is no name of Kubernetes; replaced, it does not look like one.
    words = [label.decode("ascii", "replace").lower() for label in labels]
    return words, namespace.decode("ascii", "replace").lower()
