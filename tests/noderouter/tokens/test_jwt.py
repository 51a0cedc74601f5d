"""Tokens are taken apart strictly, and nothing that is no token does more than be refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.errors import BadToken
from noderouter.tokens.jwt import ALGORITHM, MALFORMED, MAX_BYTES, decoded, object_in, parse
from tests.testing.tokens import ec_key, encoded

HEADER = {"alg": "ES256", "kid": "e"}
CLAIMS = {"iss": "a", "aud": "b", "exp": 1}
GOOD = encoded(HEADER) + b"." + encoded(CLAIMS) + b"." + encoded(b"sig")


def refused(data: bytes) -> str:
    with pytest.raises(BadToken) as caught:
        parse(data)
    assert caught.value.status == 401
    assert b'error="invalid_token"' in caught.value.fields
    return caught.value.reason


def with_header(**more: object) -> bytes:
    return encoded(HEADER | more) + GOOD[GOOD.index(b".") :]


def test_a_token() -> None:
    token = parse(GOOD)
    assert (token.algorithm, token.kid, token.claims) == ("ES256", "e", CLAIMS)
    assert (token.signed, token.signature) == (GOOD.rpartition(b".")[0], b"sig")


def test_a_token_without_the_name_of_a_key() -> None:
    assert parse(ec_key(None).token()).kid is None


@pytest.mark.parametrize("type_", ["JWT", "jwt", "at+jwt", "application/at+jwt", "Application/JWT"])
def test_types(type_: str) -> None:
    assert parse(with_header(typ=type_)).kid == "e"


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "", "HS256", "RS384", "ES512", "ES256K", "Ed25519", 1, None, ["ES256"]]
)
def test_algorithms_that_cannot_be_had(algorithm: object) -> None:
    assert refused(with_header(alg=algorithm)) == ALGORITHM


@pytest.mark.parametrize(
    "more",
    [
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"kid": 1},
        {"kid": {"a": 1}},
    ],
)
def test_headers_that_ask_for_something_else(more: dict[str, object]) -> None:
    assert refused(with_header(**more)) == MALFORMED


def test_what_a_header_says_of_keys_is_not_looked_at() -> None:
    token = parse(
        with_header(jku="https://elsewhere.example", jwk={"kty": "oct", "k": "AA"}, x5u="https://x", x5c=["a"])
    )
    assert token.kid == "e"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"..",
        b"a.b",
        GOOD + b".",
        GOOD + b".AA",
        GOOD + b"=",
        GOOD + b"\n",
        b" " + GOOD,
        GOOD.replace(b".", b"..", 1),
        GOOD + b"A" * MAX_BYTES,
        GOOD[:-1] + b"+",
        b"A" + GOOD[GOOD.index(b".") :],
        encoded(b"[]") + GOOD[GOOD.index(b".") :],
        encoded(b'"ES256"') + GOOD[GOOD.index(b".") :],
        encoded(b'{"alg":"ES256","alg":"ES256"}') + GOOD[GOOD.index(b".") :],
        encoded(b'{"alg":"ES256"} x') + GOOD[GOOD.index(b".") :],
        encoded(b"\xff\xfe") + GOOD[GOOD.index(b".") :],
    ],
)
def test_what_is_no_token(data: bytes) -> None:
    assert refused(data) == MALFORMED


@pytest.mark.parametrize(
    "claims",
    [
        b"{",
        b"null",
        b"[{}]",
        b'{"iss":"a","iss":"b"}',
        b'{"a":{"sub":"x","sub":"y"}}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"exp":-Infinity}',
        b'{"exp":1e999}',
        b'{"exp":' + b"9" * 5000 + b"}",
        b"[" * 5000,
        b'{"a":' * 1500,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b'{"a":' + b"[" * 33 + b"]" * 33 + b"}",
    ],
)
def test_claims_that_are_none(claims: bytes) -> None:
    data = encoded(HEADER) + b"." + encoded(claims) + b"." + encoded(b"sig")
    if len(data) <= MAX_BYTES:
        assert refused(data) == MALFORMED
    with pytest.raises(ValueError):
        object_in(claims)


def test_claims_may_be_objects() -> None:
    claims = b'{"a":' * 31 + b"[1]" + b"}" * 31
    assert object_in(claims).keys() == {"a"}


@given(st.binary(max_size=64))
def test_base64url_has_one_form(data: bytes) -> None:
    form = encoded(data)
    assert decoded(form) == data
    for last in b"ABCDwxyz0189-_":
        other = form[:-1] + bytes([last])
        if form and other != form:
            try:
                assert decoded(other) != data
            except ValueError:
                pass


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b".", b"e30", b"eyJhbGciOiJFUzI1NiJ9", b"A", b"=", b"_"])).map(b"".join)
)
def test_anything_is_a_token_or_refused(data: bytes) -> None:
    try:
        token = parse(data)
    except BadToken:
        return
    assert data.startswith(token.signed + b".")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_token_with_another_byte_says_something_else_or_is_refused(place: int, byte: int) -> None:
    torn = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    try:
        token = parse(torn)
    except BadToken:
        return
    was = parse(GOOD)
    assert torn == GOOD or (token.signed, token.signature) != (was.signed, was.signature)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=6))
def test_objects_come_through(value: dict[str, object]) -> None:
    assert object_in(json.dumps(value).encode("utf-8", "surrogatepass")) == value
