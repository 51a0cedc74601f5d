"""The domain of the cluster: what the full names of Services end with, such as `cluster.local`.

It is never assumed. Whoever configures it is right; else the resolver's search list says it, which the kubelet writes
into every pod that asks the cluster's DNS: `<namespace>.svc.<domain> svc.<domain> <domain> …`. Where neither says it,
there is none, and full names are hosts like others.
"""

import re
from collections.abc import Iterator
from logging import WARNING
from pathlib import Path

from noderouter.core.background import Log

RESOLV_CONF = "/etc/resolv.conf"
"""Not Final: tests have one of their own."""

_DOMAIN = re.compile(r"[0-9a-z_](?:[0-9a-z_.-]{0,251}[0-9a-z_])?")


def cluster_domain(configured: str | None, log: Log) -> str:
    """Return the domain as `tidy` makes it; log a warning and return an empty one where none is known.

    Args:
        configured: the domain in the configuration, or None.
        log: gets a warning where no domain is known.
    """
    if configured is not None:
        return tidy(configured)
    domain = searched(_read())
    if not domain:
        log(
            WARNING,
            "cluster_domain.unknown",
            searched=RESOLV_CONF,
            hint="full names of Services (hello.prod.svc.<domain>) are not known as such; set `clusterDomain`",
        )
    return domain


def tidy(domain: str) -> str:
    """Return a domain in lower case, without dots at its ends."""
    return domain.strip(".").lower()


def searched(text: str) -> str:
    """Return the cluster's domain according to a resolv.conf; empty where it has none."""
    domains: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] in (["search"], ["domain"]):
            domains = [tidy(word) for word in words[1:]]  # of several lines the last one counts
    return next(_clusters(domains), "")


def _clusters(domains: list[str]) -> Iterator[str]:
    """Yield candidates for the cluster's domain: from `svc.<domain>`, then from `<namespace>.svc.<domain>`."""
    for domain in domains:
        if domain.startswith("svc.") and _DOMAIN.fullmatch(domain[4:]):
            yield domain[4:]
    for domain in domains:
        _, found, rest = domain.partition(".svc.")
        if found and _DOMAIN.fullmatch(rest):
            yield rest


def _read() -> str:
    try:
        return Path(RESOLV_CONF).read_text("utf-8", "replace")
    except OSError:
        return ""
