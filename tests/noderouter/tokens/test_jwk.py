"""Keys of issuers: which are taken, what each verifies, and which sets are refused."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.errors import BadToken
from noderouter.tokens.jwk import KEY, MAX_KEYS, SIGNATURE, BadKeys, KeySet, read_keys, verify
from noderouter.tokens.jwt import ALGORITHM, parse
from tests.noderouter.tokens.test_jwt import JSON
from tests.testing.tokens import Key, ec_key, ed_key, encoded, jwks, rsa_key

RSA, EC, ED = rsa_key(), ec_key(), ed_key()
ALL = read_keys(jwks(RSA, EC, ED))


def judged(keys: KeySet, data: bytes) -> str:
    """Why a token is refused, or how it is taken."""
    token = parse(data)
    try:
        key = keys.find(token)
        if key is None:
            return "unknown"
        verify(key, token)
    except BadToken as error:
        return error.reason
    return "good"


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")], ids=lambda each: str(each)[:8]
)
def test_each_algorithm(key: Key, algorithm: str) -> None:
    data = key.token(header={"alg": algorithm, "kid": key.kid})
    assert judged(ALL, data) == "good"
    head, claims, signature = data.split(b".")
    assert judged(ALL, b".".join((head, encoded({"sub": "eve"}), signature))) == SIGNATURE
    for wrong in (b"x", b"x" * 64, b"x" * 256, b"x" * 5000):
        assert judged(ALL, b".".join((head, claims, encoded(wrong)))) == SIGNATURE


def test_the_key_says_the_algorithm() -> None:
    assert judged(ALL, EC.token(header={"alg": "ES256", "kid": "r"})) == ALGORITHM
    assert judged(ALL, RSA.token(header={"alg": "RS256", "kid": "e"})) == ALGORITHM
    only = read_keys(jwks(RSA.jwk(alg="PS256")))
    assert judged(only, RSA.token(header={"alg": "RS256", "kid": "r"})) == ALGORITHM
    assert judged(only, RSA.token(header={"alg": "PS256", "kid": "r"})) == "good"


def test_another_key_of_the_same_name() -> None:
    assert judged(ALL, ec_key("e").token()) == SIGNATURE
    assert judged(ALL, ec_key("other").token()) == "unknown"


def test_tokens_that_name_no_key() -> None:
    nameless = ec_key(None)
    assert judged(read_keys(jwks(nameless, RSA)), nameless.token()) == "good"
    assert judged(read_keys(jwks(nameless, EC)), nameless.token()) == KEY
    assert judged(read_keys(jwks(RSA)), nameless.token()) == "unknown"


def test_keys_of_two_types_may_share_a_name() -> None:
    rsa, curve = rsa_key("1"), ec_key("1")
    keys = read_keys(jwks(rsa, curve))
    assert judged(keys, rsa.token()) == judged(keys, curve.token()) == "good"


@pytest.mark.parametrize(
    "left_out",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s"},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        EC.jwk(use="enc"),
        EC.jwk(use=1),
        EC.jwk(key_ops=["sign"]),
        EC.jwk(key_ops="verify"),
        EC.jwk(alg="ES384"),
        EC.jwk(alg="none"),
        EC.jwk(alg=1),
        EC.jwk(kid=1),
        EC.jwk(crv="P-384"),
        EC.jwk(x="AA"),
        EC.jwk(x="!!"),
        EC.jwk(y=None),
        ED.jwk(crv="Ed448"),
        ED.jwk(x="AA"),
        Key(ec.generate_private_key(ec.SECP384R1()), "p").jwk(),
        rsa_key("weak", 1024).jwk(),
        RSA.jwk(e="AQAAAAAAAAAAAAE"),
        RSA.jwk(n="AA"),
        RSA.jwk(n=7),
        {"kty": "RSA"},
        {"kty": ["EC"]},
        {},
    ],
)
def test_keys_that_are_left_out(left_out: dict[str, Any]) -> None:
    keys = read_keys(jwks(left_out, RSA.jwk(kid="good")))
    assert [key.kid for key in keys.keys] == ["good"]
    assert len(keys.left_out) == 1
    with pytest.raises(BadKeys, match="no key in it can be used"):
        read_keys(jwks(left_out))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[]", "not JSON"),
        (b"{}", "no list"),
        (b'{"keys":{}}', "no list"),
        (b'{"keys":[1]}', "no list"),
        (b'{"keys":[],"keys":[]}', "not JSON"),
        (b'{"keys":[]}', "no key in it can be used"),
        (jwks(EC, ec_key("e")), "two EC keys with the kid 'e'"),
        (jwks(ec_key(None), ec_key(None)), "two EC keys without a kid"),
        (jwks(*[EC.jwk(kid=str(each)) for each in range(MAX_KEYS + 1)]), "at most"),
        (b"[" * 10_000, "not JSON"),
    ],
)
def test_sets_that_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadKeys, match=words):
        read_keys(data)


def test_sets_are_the_same_whatever_their_text() -> None:
    same = json.dumps({"keys": [EC.jwk(use="sig", x5t="abc")], "more": 1}, indent=3).encode()
    assert read_keys(jwks(EC)) == read_keys(same)
    assert read_keys(jwks(EC)) != read_keys(jwks(ec_key("e")))


MEMBERS = st.sampled_from(["kty", "kid", "use", "alg", "crv", "x", "y", "n", "e", "key_ops", "k"])


@given(st.dictionaries(MEMBERS, JSON | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB"]), max_size=8))
def test_any_object_is_a_key_or_left_out(parts: dict[str, Any]) -> None:
    try:
        read_keys(json.dumps({"keys": [parts]}).encode("utf-8", "surrogatepass"))
    except BadKeys:
        pass
