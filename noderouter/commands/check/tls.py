"""Certificates and keys: whether they are there, fit together, say whom they are for, and for how long."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import time
from typing import Final

from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.config.config import Config
from noderouter.naming.files.content import MAX_FILE_BYTES, read_content
from noderouter.reactor.tls_errors import utc
from noderouter.schema.kind import models_in
from noderouter.tls.certificate import CertificateError, Said, out_of_order, read_certificates
from noderouter.tls.certificates import ending
from noderouter.tls.config import ClientTls, ServerTls
from noderouter.tls.context import client_context, server_context
from noderouter.tls.material import Material, MaterialError, client_files, server_files

SOON_SECONDS: Final = 7 * 86400
"""A certificate that ends within is worth a warning, if it was given for longer than four times that."""
NAMES: Final = 5
"""That are told of one certificate."""


def check_tls(config: Config) -> Iterator[Finding]:
    """Check every `tls` of a configuration, each once; yields nothing where there is none."""
    for tls in dict.fromkeys(each for each in models_in(config) if isinstance(each, ServerTls | ClientTls)):
        if isinstance(tls, ServerTls):
            material = Material(server_files(tls))
            yield from check_files(material, partial(server_context, tls, material, ()))
        elif tls.enabled:
            material = Material(client_files(tls))
            yield from check_files(material, partial(client_context, tls, material, ()))


def check_files(material: Material, make: Callable[[], object]) -> Iterator[Finding]:
    """Check the files of one `tls`, of which `make` makes a context."""
    files = material.files
    for path in files:
        real = os.path.realpath(path)
        status = os.stat(real) if Path(real).exists() else None
        material.found[path] = read_content(os.fsencode(real), status, MAX_FILE_BYTES)
    subject = f"tls {files.certificate or ', '.join(files.trust) or 'of the system'}"
    try:
        make()
        chain = material.chain()
        shown = [] if chain is None else read_certificates(chain)
        trusted = {path: read_certificates(material.data(path)) for path in files.trust}
    except (MaterialError, CertificateError) as error:
        yield fail(
            subject, str(error), "a router that runs keeps the last good files; one that starts does not take them"
        )
        return
    if shown:
        yield of_chain(subject, shown, chain or b"")
    for path, authorities in trusted.items():
        yield of_trust(f"tls {path}", authorities)
    if not shown and not trusted:
        yield ok(subject, "the system's authorities are trusted")


def of_chain(subject: str, chain: list[Said], pem: bytes) -> Finding:
    """Judge a certificate, whose key is the right one, and its intermediates."""
    now, leaf = time(), chain[0]
    for each in chain:
        if each.ends < now:
            return fail(subject, f"{each.subject} {ending(each.ends, now)}", "renew it")
        if each.begins > now:
            return fail(
                subject,
                f"{each.subject} is valid from {utc(each.begins)} on, and the clock of this node says {utc(now)}",
                "is it right? Until then a router that runs keeps the last good files",
            )
    wrong = out_of_order(pem)
    if wrong:
        return fail(subject, wrong, "the certificate comes first, and behind each the one of its issuer")
    names = ", ".join(leaf.names[:NAMES]) + (f" and {len(leaf.names) - NAMES} more" if len(leaf.names) > NAMES else "")
    first = min(chain, key=lambda each: each.ends)
    said = f"for {names or 'nobody'}, {len(chain) - 1} intermediates, {ending(first.ends, now)}"
    if not leaf.names:
        return warn(subject, said, "without subject alternative names no client of today takes it")
    if first.ends - now < SOON_SECONDS < (first.ends - first.begins) / 4:
        return warn(subject, said, "renew it soon; what renews it should have done so already")
    return ok(subject, said)


def of_trust(subject: str, authorities: list[Said]) -> Finding:
    """Judge a bundle of authorities."""
    now = time()
    good = [each for each in authorities if each.begins <= now <= each.ends]
    if not good:
        return fail(subject, f"none of {len(authorities)} authorities is valid now", "take a newer bundle")
    last = max(good, key=lambda each: each.ends)
    return ok(subject, f"{len(good)} of {len(authorities)} authorities are valid, the last {ending(last.ends, now)}")
