"""From the contents of files to OpenSSL's contexts. Nothing is read of a disk here, and no key is written to one.

`load_cert_chain` takes paths only, and opens them twice, for the chain and for the key; so what was read once is given
to it as a file in memory.
"""

import os
import ssl
from collections.abc import Sequence
from typing import Final, NoReturn

from noderouter.tls.certificate import CertificateError, read_certificates
from noderouter.tls.config import VERSIONS, ClientTls, ServerTls, openssl_name
from noderouter.tls.material import Material, MaterialError

SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, where nothing is said: those with forward secrecy and authenticated encryption (RFC 9325 section 4.2)."""
TICKETS: Final = 1
"""For clients that show no certificate; a ticket of one that does would outlive it, as OpenSSL does not look again."""
_OPTIONS: Final = (
    ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
)
_HINTS: Final = {
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
    "EE_KEY_TOO_SMALL": "the key of the certificate is too short",
    "CA_KEY_TOO_SMALL": "the key of an authority is too short",
    "CA_MD_TOO_WEAK": "a certificate is signed with a hash that is not safe",
}
_ENCRYPTED: Final = "the key is encrypted; noderouter has no passphrase for it"


def server_context(tls: ServerTls, material: Material, alpn: Sequence[str]) -> ssl.SSLContext:
    """Make the context of a server; it speaks the protocols `alpn`, best first.

    Raises:
        MaterialError: a file cannot be used, or they do not fit together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _common(context, tls.protocols, alpn)
    if tls.ciphers is not None:
        context.set_ciphers(":".join(map(openssl_name, tls.ciphers)))
    _show(context, material)
    if tls.caCertPath is None:
        context.num_tickets = TICKETS
    else:
        _trust(context, material)
        context.verify_mode = ssl.CERT_REQUIRED if tls.requireClientAuth else ssl.CERT_OPTIONAL
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    return context


def client_context(tls: ClientTls, material: Material, alpn: Sequence[str]) -> ssl.SSLContext:
    """Make the context of a client; else as `server_context`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _common(context, tls.protocols, alpn)
    context.hostname_checks_common_name = False
    if tls.disableValidation:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, material)
    if material.files.certificate is not None:
        _show(context, material)
    return context


def _common(context: ssl.SSLContext, protocols: Sequence[str], alpn: Sequence[str]) -> None:
    versions = [VERSIONS[name] for name in protocols]
    context.minimum_version = min(versions)
    context.maximum_version = max(versions)
    context.options |= _OPTIONS
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_ciphers(SUITES)
    if alpn:
        context.set_alpn_protocols(list(alpn))


def _trust(context: ssl.SSLContext, material: Material) -> None:
    bundle = material.trust()
    if bundle is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    for path in material.files.trust:
        try:
            read_certificates(material.data(path))
            # Python takes ASCII only, and what stands between certificates may be names in any language.
            context.load_verify_locations(cadata=material.data(path).decode("ascii", "ignore"))
        except (CertificateError, ssl.SSLError) as error:
            raise MaterialError(f"{path}: {_words(error)}") from None


def _show(context: ssl.SSLContext, material: Material) -> None:
    files = material.files
    chain = material.chain()
    assert chain is not None
    assert files.key is not None
    for path in (files.certificate, files.intermediates):
        if path is not None:
            try:
                read_certificates(material.data(path))
            except CertificateError as error:
                raise MaterialError(f"{path}: {error}") from None
    key = material.data(files.key)
    if b"PRIVATE KEY-----" not in key:
        raise MaterialError(f"{files.key}: no key is in it (PEM is expected)")
    try:
        _load(context, key, chain)
    except ssl.SSLError as error:
        raise MaterialError(f"{files.key}, for {files.certificate}: {_words(error)}") from None


def _load(context: ssl.SSLContext, key: bytes, chain: bytes) -> None:
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(key + b"\n" + chain)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    finally:
        os.close(descriptor)


def _no_password() -> NoReturn:
    """In place of OpenSSL's question on the terminal."""
    raise MaterialError(_ENCRYPTED)


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLError) and reason is None:
        return "broken, or of a kind that OpenSSL does not know"
    return str(error) if reason is None else _HINTS.get(reason, reason.replace("_", " ").lower())
