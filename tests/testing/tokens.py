"""An issuer of tokens for tests: real keys, real signatures, and a server of keys that speaks TLS.

Tokens are signed with `cryptography` and put together here, so that any of their parts may be wrong.
"""

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, Any]
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ISSUER = "https://issuer.example"
AUDIENCE = "noderouter"


def encoded(data: bytes | Json | str) -> bytes:
    """base64url without padding; of an object, of its JSON."""
    if isinstance(data, dict):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def number(value: int) -> str:
    """A number as a JWK has it."""
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


class Key:
    """A private key with a name."""

    def __init__(self, private: Private, kid: str | None) -> None:
        self.private = private
        self.kid = kid

    @property
    def algorithm(self) -> str:
        """Its own."""
        kinds = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256", ed25519.Ed25519PrivateKey: "EdDSA"}
        return next(name for kind, name in kinds.items() if isinstance(self.private, kind))

    def jwk(self, **more: Any) -> Json:
        """Its public half as a JWK."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            found = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        elif isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            size = (public.curve.key_size + 7) // 8
            places = {
                name: encoded(each.to_bytes(size, "big")).decode() for name, each in (("x", point.x), ("y", point.y))
            }
            found = {"kty": "EC", "crv": {256: "P-256", 384: "P-384"}[public.curve.key_size], **places}
        else:
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            found = {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw).decode()}
        return ({} if self.kid is None else {"kid": self.kid}) | found | more

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """The signature of `data`."""
        private = self.private
        if isinstance(private, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return private.sign(data, pss if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
        if isinstance(private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
            size = (private.curve.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return private.sign(data)

    def token(self, claims: Json | bytes | None = None, *, header: Json | bytes | None = None, **more: Any) -> bytes:
        """A token; `more` are claims besides those of a good one, and None takes one away."""
        if claims is None:
            claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(time.time()) + 600} | more
            claims = {name: value for name, value in claims.items() if value is not None}
        if header is None:
            header = {"alg": self.algorithm} | ({} if self.kid is None else {"kid": self.kid})
        algorithm = header["alg"] if isinstance(header, dict) else self.algorithm
        signed = encoded(header) + b"." + encoded(claims)
        return signed + b"." + encoded(self.sign(signed, algorithm))


def rsa_key(kid: str | None = "r", bits: int = 2048) -> Key:
    """A fresh RSA key."""
    return Key(rsa.generate_private_key(65537, bits), kid)


def ec_key(kid: str | None = "e") -> Key:
    """A fresh key on P-256."""
    return Key(ec.generate_private_key(ec.SECP256R1()), kid)


def ed_key(kid: str | None = "d") -> Key:
    """A fresh Ed25519 key."""
    return Key(ed25519.Ed25519PrivateKey.generate(), kid)


def jwks(*keys: Key | Json) -> bytes:
    """A JWK Set."""
    return json.dumps({"keys": [each.jwk() if isinstance(each, Key) else each for each in keys]}).encode()


def good(body: bytes, status: str = "200 OK", fields: bytes = b"") -> bytes:
    """A whole response."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + fields + b"\r\n" + body


Say = Callable[[trio.SSLStream[trio.SocketStream]], Awaitable[None]]


class KeyServer:
    """Serves keys by HTTPS on loopback.

    Attributes:
        asked: heads of requests, in order.
        say: what is done to whoever has asked; a test may set another.
        trust: a file with the certificate of its CA.
        broken: connections that ended in their handshake.
    """

    def __init__(self, directory: Path, *names: str) -> None:
        self.asked: list[bytes] = []
        self.broken = 0
        self.port = 0
        self._authority = trustme.CA()
        self.trust = str(directory / "issuer-ca.pem")
        self._authority.cert_pem.write_to_path(self.trust)
        self._names = names or ("127.0.0.1", "localhost")
        self.say: Say = self.answering(b"")

    def uri(self, host: str = "127.0.0.1") -> str:
        """Where the keys are."""
        return f"https://{host}:{self.port}/keys?of=tests"

    def answering(self, body: bytes, status: str = "200 OK", fields: bytes = b"") -> Say:
        """What to `say` to answer with this."""

        async def answer(stream: trio.SSLStream[trio.SocketStream]) -> None:
            await stream.send_all(good(body, status, fields))

        return answer

    def has(self, *keys: Key | Json) -> None:
        """Answer with these keys from now on."""
        self.say = self.answering(jwks(*keys))

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection, for one request."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*self._names).configure_cert(context)
        tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                more = await tls.receive_some(4096)
                if not more:
                    return
                head += more
            self.asked.append(head)
            await self.say(tls)
            await tls.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.broken += not self.asked
        finally:
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def key_server(directory: Path, *names: str) -> AsyncIterator[KeyServer]:
    """A server of keys while inside, whose certificate is for `names`."""
    server = KeyServer(directory, *names)
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, server.serve, [listener])
        yield server
        nursery.cancel_scope.cancel()
