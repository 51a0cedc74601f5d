"""Records of TLS, sealed by hand with the keys of a real handshake: so a peer can say what OpenSSL would not.

`SSLKEYLOGFILE` of a context has the secrets. AES-GCM and ChaCha20 of TLS 1.3 (RFC 8446 sections 5.2 and 7), and of
TLS 1.2 AES-128-GCM with SHA-256 (RFC 5246 section 6.3, RFC 5288).
"""

import hmac
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ALERT: Final = 21
HANDSHAKE: Final = 22
DATA: Final = 23
CLOSE_NOTIFY: Final = b"\x01\x00"
CIPHERS_1_2: Final = "ECDHE-ECDSA-AES128-GCM-SHA256"
"""What both versions can be sealed with here."""


class Records:
    """Seals what one end says, from the first record behind the handshake on."""

    version: int

    def seal(self, kind: int, data: bytes, padding: int = 0) -> bytes:
        """One record."""
        raise NotImplementedError

    def key_update(self, ask: int) -> bytes:
        """The record of a key update; what follows has other keys. b"" where the version has none."""
        return b""


class Records13(Records):
    """TLS 1.3."""

    version = 13

    def __init__(self, secret: bytes, cipher: str) -> None:
        self._hash = hashes.SHA384() if cipher.endswith("SHA384") else hashes.SHA256()
        self._key_bytes = 16 if "128" in cipher else 32
        self._aead = ChaCha20Poly1305 if "CHACHA20" in cipher else AESGCM
        self._take(secret)

    def _take(self, secret: bytes) -> None:
        self._secret = secret
        self._cipher = self._aead(self._expand(b"key", self._key_bytes))
        self._iv = int.from_bytes(self._expand(b"iv", 12), "big")
        self._number = 0

    def _expand(self, label: bytes, size: int) -> bytes:
        label = b"tls13 " + label
        info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
        return HKDFExpand(self._hash, size, info).derive(self._secret)

    def seal(self, kind: int, data: bytes, padding: int = 0) -> bytes:
        """One record, with so many zeros behind."""
        inner = data + bytes([kind]) + bytes(padding)
        head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        self._number += 1
        return head + self._cipher.encrypt(nonce, inner, head)

    def key_update(self, ask: int) -> bytes:
        """RFC 8446 section 4.6.3; 1 asks the other end to update its own."""
        record = self.seal(HANDSHAKE, b"\x18\0\0\x01" + bytes([ask]))
        self._take(self._expand(b"traffic upd", self._hash.digest_size))
        return record


class Records12(Records):
    """TLS 1.2 with `CIPHERS_1_2`."""

    version = 12

    def __init__(self, master: bytes, client_random: bytes, server_random: bytes, *, server_side: bool) -> None:
        block = _prf(master, b"key expansion" + server_random + client_random, 40)
        self._cipher = AESGCM(block[16:32] if server_side else block[:16])
        self._salt = block[36:40] if server_side else block[32:36]
        self._number = 1  # 0 was Finished

    def seal(self, kind: int, data: bytes, padding: int = 0) -> bytes:
        """One record; there is no padding."""
        number = self._number.to_bytes(8, "big")
        self._number += 1
        known = number + bytes([kind]) + b"\x03\x03" + len(data).to_bytes(2, "big")
        sealed = number + self._cipher.encrypt(self._salt + number, data, known)
        return bytes([kind]) + b"\x03\x03" + len(sealed).to_bytes(2, "big") + sealed


def _prf(secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 section 5, with SHA-256."""
    made, link = b"", seed
    while len(made) < size:
        link = hmac.digest(secret, link, "sha256")
        made += hmac.digest(secret, link + seed, "sha256")
    return made[:size]


def records_of(keys: Path, cipher: str, *, server_side: bool, first_flight: bytes) -> Records:
    """What seals for one end of the connection that was logged last; `first_flight` of the server has its random."""
    said = [line.split() for line in keys.read_text().splitlines() if not line.startswith("#")]
    secrets = {label: (bytes.fromhex(random), bytes.fromhex(secret)) for label, random, secret in said}
    if cipher.startswith("TLS_"):
        return Records13(secrets[f"{'SERVER' if server_side else 'CLIENT'}_TRAFFIC_SECRET_0"][1], cipher)
    random, master = secrets["CLIENT_RANDOM"]
    return Records12(master, random, first_flight[11:43], server_side=server_side)
