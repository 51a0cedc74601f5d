"""Certificates of workloads (X509-SVID), good ones and others, signed by the authority of the tests."""

from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.testing.tls import authority

FRONT = "spiffe://cluster.local/ns/prod/sa/front"


def svid(*names: str, ca: bool = False, signs: bool = False, usage: bool = True) -> trustme.LeafCert:
    """A certificate whose names are these: URIs, or DNS names; `signs`, and `ca`, are what no workload's says."""
    issuer = x509.load_pem_x509_certificate(authority().cert_pem.bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    shown = [x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name) for name in names]
    builder = (
        x509.CertificateBuilder(issuer.subject, x509.Name([]), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(shown), critical=True)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if usage:
        flags = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=signs, crl_sign=signs, **flags), critical=True
        )
    signer = load_pem_private_key(authority().private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    made = builder.sign(signer, SHA256())
    return trustme.LeafCert(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), made.public_bytes(Encoding.PEM), []
    )
