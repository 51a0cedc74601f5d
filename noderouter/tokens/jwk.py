"""The keys of an issuer (pure): a JWK Set (RFC 7517 section 5), and which token each of them can verify.

What a key is for follows from the key alone: RSA verifies RS256 and PS256 (or the one that its `alg` says), P-256
ES256, Ed25519 EdDSA. Keys of other kinds, for other uses, or too weak are left out, as RFC 7517 section 5 wants; a set
in which one `kid` means two keys of a type is refused whole. Symmetric keys are never taken: nobody can sign with a
public key, taken for a secret.

The only importer of joserfc, which is imported with the first key.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

from noderouter.core.errors import BadToken
from noderouter.tokens.jwt import ALGORITHM, Token, decoded, object_in

HOW_TO_GET: Final = "pip install 'noderouter[tokens]'"
MAX_KEYS: Final = 100
"""Of a set; more are an error."""
RSA_BITS: Final = (2048, 8192)
MAX_EXPONENT_BYTES: Final = 4
"""Of an RSA key: a longer one only takes time."""

KEY: Final = "key"
SIGNATURE: Final = "signature"

Check = Callable[[bytes, bytes], bool]
"""Whether signed bytes have this signature."""


class BadKeys(ValueError):
    """What was given as keys is none; the message says why."""


def installed() -> bool:
    """Whether joserfc is there; imports nothing of it."""
    return find_spec("joserfc") is not None


@dataclass(frozen=True, slots=True)
class Key:
    """One key, by the algorithms that it verifies."""

    kid: str | None
    checks: Mapping[str, Check] = field(compare=False)
    source: str
    """What it was made of; by this keys are compared."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of an issuer."""

    keys: tuple[Key, ...]
    left_out: tuple[str, ...] = ()
    """Why others were not taken, in words."""

    def find(self, token: Token) -> Key | None:
        """The key that a token names; None where there is none of that name.

        Raises:
            BadToken: the key is for other algorithms, or the token names none and there are several.
        """
        if token.kid is None:
            fitting = [key for key in self.keys if token.algorithm in key.checks]
            if len(fitting) > 1:
                raise BadToken(KEY, "the token does not say which key of its issuer has signed it")
            return fitting[0] if fitting else None
        named = [key for key in self.keys if key.kid == token.kid]
        if named and not any(token.algorithm in key.checks for key in named):
            raise BadToken(ALGORITHM, "the key of the token is for another algorithm")
        return next((key for key in named if token.algorithm in key.checks), None)


def verify(key: Key, token: Token) -> None:
    """Check the signature of a token with the key that `KeySet.find` has found for it.

    Raises:
        BadToken: it is not that key's.
    """
    try:
        good = key.checks[token.algorithm](token.signed, token.signature)
    except ValueError:  # a signature that is not even of the right form
        good = False
    if not good:
        raise BadToken(SIGNATURE, "the signature of the token is wrong")


def read_keys(data: bytes) -> KeySet:
    """Read a JWK Set.

    Raises:
        BadKeys: it is none, it is ambiguous, or no key in it can be used.
    """
    try:
        listed = object_in(data).get("keys")
    except ValueError as error:
        raise BadKeys(f"not a JWK Set: not JSON: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise BadKeys("not a JWK Set: it has no list `keys` of objects")
    if len(listed) > MAX_KEYS:
        raise BadKeys(f"{len(listed)} keys; at most {MAX_KEYS} are read")
    keys: list[Key] = []
    left_out: list[str] = []
    seen: set[tuple[str | None, str]] = set()
    for number, each in enumerate(listed, start=1):
        try:
            key, kind = _key(each)
        except BadKeys as error:
            left_out.append(f"key {number}: {error}")
            continue
        if (key.kid, kind) in seen:
            raise BadKeys(f"two {kind} keys " + (f"with the kid {key.kid[:80]!r}" if key.kid else "without a kid"))
        seen.add((key.kid, kind))
        keys.append(key)
    if not keys:
        raise BadKeys("no key in it can be used" + (f": {'; '.join(left_out[:3])}" if left_out else ""))
    return KeySet(tuple(keys), tuple(left_out))


def _key(parts: Mapping[str, Any]) -> tuple[Key, str]:
    """A key and its type; raises BadKeys for one that is not for signatures that we verify."""
    kid = parts.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise BadKeys("its kid is not text")
    if parts.get("use", "sig") != "sig":
        raise BadKeys("its use is not sig")
    operations = parts.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise BadKeys("its key_ops do not have verify")
    kind, public, algorithms = _public(parts)
    stated = parts.get("alg")
    if stated is not None:
        algorithms = tuple(each for each in algorithms if each == stated)
        if not algorithms:
            raise BadKeys("its alg is none that can be had")
    checks = _checks(kind, public, algorithms)
    return Key(kid, checks, repr((kid, sorted(public.items()), algorithms))), kind


def _public(parts: Mapping[str, Any]) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """The type, the public members (RFC 7518 section 6, RFC 8037 section 2), and the algorithms of a key."""
    kind = parts.get("kty")
    if kind == "RSA":
        public = _members(parts, "n", "e")
        bits = int.from_bytes(_bytes(public["n"])).bit_length()
        if not RSA_BITS[0] <= bits <= RSA_BITS[1] or len(_bytes(public["e"])) > MAX_EXPONENT_BYTES:
            raise BadKeys(
                f"an RSA key of {bits} bits; those of {RSA_BITS[0]} to {RSA_BITS[1]} are taken, if e is short"
            )
        return "RSA", public, ("RS256", "PS256")
    if kind == "EC" and parts.get("crv") == "P-256":
        return "EC", _members(parts, "crv", "x", "y"), ("ES256",)
    if kind == "OKP" and parts.get("crv") == "Ed25519":
        return "OKP", _members(parts, "crv", "x"), ("EdDSA",)
    raise BadKeys("it is neither RSA, nor P-256, nor Ed25519")


def _members(parts: Mapping[str, Any], *names: str) -> dict[str, str]:
    found = {name: parts.get(name) for name in names}
    if not all(isinstance(value, str) for value in found.values()):
        raise BadKeys(f"it lacks one of {', '.join(names)}")
    return {name: str(value) for name, value in found.items()}


def _bytes(text: str) -> bytes:
    try:
        return decoded(text.encode("ascii", "replace"))
    except ValueError:
        raise BadKeys("it is not base64url") from None


def _checks(kind: str, public: Mapping[str, str], algorithms: tuple[str, ...]) -> dict[str, Check]:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey
    from joserfc.jws import JWSRegistry

    make: Mapping[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    registry = JWSRegistry(algorithms=algorithms)
    try:
        key = make[kind].import_key({"kty": kind, **public})
        found: dict[str, Check] = {}
        for name in algorithms:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # EdDSA has a newer name, which no issuer uses
                algorithm = registry.get_alg(name)
            algorithm.check_key(key)
            key.get_op_key("verify")
            found[name] = _check(algorithm.verify, key)
    except (ValueError, TypeError, JoseError) as error:
        raise BadKeys(f"it is no key: {error}") from None
    return found


def _check(check: Callable[[bytes, bytes, Any], bool], key: Any) -> Check:
    return lambda signed, signature: check(signed, signature, key)
