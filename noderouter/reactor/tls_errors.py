"""Why TLS fails, in a word for metrics and in words for people.

OpenSSL has some hundred reasons, most of which a peer can bring about; metrics have as many as are worth telling apart.
"""

import ssl
from contextlib import suppress
from errno import EPROTO
from time import gmtime, strftime, time
from typing import Any, Final

from noderouter.reactor.errors import HandshakeError

REASONS: Final = (
    "alert",
    "alpn",
    "certificate",
    "cipher",
    "closed",
    "evicted",
    "hostname",
    "no_certificate",
    "not_tls",
    "other",
    "protocol_version",
    "timeout",
    "too_large",
)
"""The words for metrics: the peer gave an alert; no protocol in common (RFC 7301); a certificate that is not valid; no
cipher in common; closed within the handshake; ended in favour of others; a certificate for other names; none where it
is asked for; bytes that are no TLS; a fault of another kind; no version in common; not done in time; more than 16 KB.
"""

_REASONS: Final = {
    "HTTP_REQUEST": "not_tls",
    "HTTPS_PROXY_REQUEST": "not_tls",
    "WRONG_VERSION_NUMBER": "not_tls",
    "UNSUPPORTED_PROTOCOL": "protocol_version",
    "NO_PROTOCOLS_AVAILABLE": "protocol_version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "protocol_version",
    "VERSION_TOO_LOW": "protocol_version",
    "NO_SHARED_CIPHER": "cipher",
    "NO_CIPHERS_AVAILABLE": "cipher",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no_certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "no_certificate",
    "CERTIFICATE_VERIFY_FAILED": "certificate",
    "NO_APPLICATION_PROTOCOL": "alpn",
}
_NAMES: Final = frozenset((62, 63, 64))
"""What OpenSSL calls a certificate for another host, e-mail or IP address (X509_V_ERR_HOSTNAME_MISMATCH and so on)."""


_TIMES: Final = frozenset((9, 10))
"""What OpenSSL calls a certificate that is not valid yet, or no more (X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED)."""


def words_of(error: ssl.SSLError) -> str:
    """What OpenSSL says, as part of a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message.rstrip('.')}"
    reason = error.reason or str(error)
    return reason.replace("_", " ").lower() if reason.isupper() or "_" in reason else reason


def is_end(error: ssl.SSLError) -> bool:
    """Whether the connection ended where more was to come; Python up to 3.11 has no class for it with OpenSSL 3."""
    return isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"


def failed(error: ssl.SSLError, connection: Any) -> HandshakeError:
    """What a handshake fails with that OpenSSL ended; `connection` is what `ssl.SSLObject` wraps."""
    reason = error.reason or ""
    words = f"TLS: {words_of(error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        kind = "hostname" if error.verify_code in _NAMES else "certificate"
        if error.verify_code in _TIMES:
            words += _both_clocks(connection)
    elif is_end(error):
        return HandshakeError(EPROTO, "closed within the handshake of TLS", "closed")
    else:
        kind = _REASONS.get(reason, "alert" if "_ALERT_" in reason else "other")
    return HandshakeError(EPROTO, words, kind)


def _both_clocks(connection: Any) -> str:
    """Return when a certificate of the peer's chain is valid, and what it is now on this machine: one clock is wrong.

    Of clients it has the latter only: OpenSSL keeps their certificates once they are verified.
    """
    now = time()
    times = ""
    with suppress(AttributeError, KeyError, TypeError, ValueError, ssl.SSLError):
        for each in connection.get_unverified_chain():
            found = each.get_info()
            begins = ssl.cert_time_to_seconds(found["notBefore"])
            ends = ssl.cert_time_to_seconds(found["notAfter"])
            if not begins <= now <= ends:
                times = f"it is valid from {utc(begins)} to {utc(ends)}, and "
                break
    return f": {times}the clock of this node says {utc(now)}"


def utc(when: float) -> str:
    """Return a time, in seconds since the epoch, as people and certificates have it."""
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(when))
