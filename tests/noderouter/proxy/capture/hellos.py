"""ClientHellos: as real clients make them, and made by hand where no real client would."""

import functools
import ssl
import warnings

VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def python_hello(
    name: str | None = None, alpn: tuple[str, ...] = (), version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> bytes:
    """What Python's ssl says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # for the old versions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(received, sent, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("a handshake without a server")


@functools.cache
def real_hellos() -> tuple[bytes, ...]:
    """A few of each version."""
    made = []
    for version in VERSIONS:
        made += [python_hello(version=version), python_hello("hello.prod", ("h2", "http/1.1"), version)]
    return tuple(made)


def records(message: bytes, size: int = 1 << 14, kind: int = 22, version: bytes = b"\x03\x01") -> bytes:
    """A message in records of so many bytes."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(bytes((kind,)) + version + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def message(body: bytes, kind: int = 1) -> bytes:
    """A handshake message."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def vector(width: int, content: bytes) -> bytes:
    """Bytes behind their length."""
    return len(content).to_bytes(width, "big") + content


def extension(kind: int, content: bytes) -> bytes:
    """An extension."""
    return kind.to_bytes(2, "big") + vector(2, content)


def server_name(name: bytes, kind: int = 0) -> bytes:
    """The extension with one name."""
    return extension(0, vector(2, bytes((kind,)) + vector(2, name)))


def body(
    extensions: bytes | None,
    *,
    version: bytes = b"\x03\x03",
    session: bytes = bytes(32),
    ciphers: bytes = b"\x13\x01",
    compression: bytes = b"\0",
) -> bytes:
    """A ClientHello's content; without any extensions block where that is None."""
    parts = version + bytes(range(32)) + vector(1, session) + vector(2, ciphers) + vector(1, compression)
    return parts + (b"" if extensions is None else vector(2, extensions))


def hello(extensions: bytes | None, **keys: bytes) -> bytes:
    """A ClientHello in one record."""
    return records(message(body(extensions, **keys)))
