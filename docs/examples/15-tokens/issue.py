"""Plays an issuer of tokens: prints one that is good for ten minutes, or the keys that it is verified with.

    python issue.py token SUBJECT [--groups a,b] [--audience hello] [--seconds 600]
    python issue.py keys

Its key is made from a sentence that everybody can read here, so it proves nothing to anybody.
"""

import argparse
import base64
import hashlib
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"an example, and no secret").digest())


def encoded(data: bytes | dict[str, Any]) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def keys() -> dict[str, Any]:
    """The JWK Set: what an issuer shows at its `jwks_uri`."""
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "example", "use": "sig", "x": encoded(public)}]}


def token(claims: dict[str, Any]) -> str:
    """A signed token with these claims."""
    signed = encoded({"alg": "EdDSA", "kid": "example", "typ": "JWT"}) + "." + encoded(claims)
    return signed + "." + encoded(KEY.sign(signed.encode()))


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description="Plays an issuer of tokens.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("keys")
    add = commands.add_parser("token").add_argument
    add("subject")
    add("--groups", default="dev,on-call")
    add("--audience", default="hello")
    add("--seconds", type=int, default=600)
    options = parser.parse_args()
    if options.command == "keys":
        print(json.dumps(keys()))
    else:
        whole = {
            "iss": "https://issuer.example",
            "aud": options.audience,
            "sub": options.subject,
            "groups": options.groups.split(","),
            "exp": int(time.time()) + options.seconds,
        }
        print(token(whole))


if __name__ == "__main__":
    main()
