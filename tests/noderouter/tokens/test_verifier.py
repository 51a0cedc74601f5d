"""Tokens are judged by issuer, key, audience and time; good ones are remembered, within bounds, until they end."""

import time
from typing import Any
from unittest.mock import patch

import pytest

from noderouter.core.claims import Unknown, Verified
from noderouter.core.errors import BadToken, KeysUnknown
from noderouter.reactor.event import Event
from noderouter.tokens import verifier as module
from noderouter.tokens.claims import LEEWAY_SECONDS
from noderouter.tokens.forward import Forwarded
from noderouter.tokens.jwk import KeySet, read_keys
from noderouter.tokens.verifier import REMEMBERED_SECONDS, Issuer, Verifier
from tests.testing.tokens import AUDIENCE, ISSUER, Key, ec_key, jwks, rsa_key

KEY = ec_key()


class Keys:
    """Those that a test says; counts who wants others."""

    def __init__(self, *keys: Key) -> None:
        self.keys: KeySet | None = read_keys(jwks(*keys)) if keys else None
        self.event: Event | None = None
        self.wanted = 0

    def want(self) -> Event | None:
        self.wanted += 1
        return self.event


def verifier(keys: Keys, **more: Any) -> Verifier:
    return Verifier([Issuer(ISSUER, frozenset({AUDIENCE}), keys, **more)])


def good(judge: Verifier, data: bytes) -> Verified:
    found = judge.judge(data)
    assert isinstance(found, Verified)
    return found


def refused(judge: Verifier, data: bytes) -> str:
    with pytest.raises(BadToken) as caught:
        judge.judge(data)
    return caught.value.reason


def test_a_good_token_is_judged_once() -> None:
    judge = verifier(Keys(KEY), forwarded=[Forwarded(("sub",), "x-sub"), Forwarded(("groups",), "x-groups")])
    token = KEY.token(groups={"a": 1})
    found = good(judge, token)
    assert found.claims["sub"] == "anna"
    assert found.fields == b"x-sub: anna\r\n"
    assert good(judge, token) is found
    assert (judge.verified, judge.cached, judge.unwritten, len(judge)) == (1, 1, 1, 1)


def test_wrong_ones() -> None:
    judge = verifier(Keys(KEY))
    assert refused(judge, b"opaque") == "malformed"
    assert refused(judge, KEY.token(iss="https://other.example")) == "issuer"
    assert refused(judge, KEY.token(iss=None)) == "issuer"
    assert refused(judge, KEY.token(aud="other")) == "audience"
    assert refused(judge, KEY.token(exp=int(time.time()) - 3600)) == "expired"
    assert refused(judge, KEY.token(nbf=int(time.time()) + 3600)) == "early"
    assert refused(judge, ec_key().token()) == "signature"
    assert refused(judge, rsa_key("e").token()) == "algorithm"
    assert len(judge) == judge.verified == 0


def test_a_key_that_is_not_known() -> None:
    keys = Keys(KEY)
    judge = verifier(keys)
    assert refused(judge, ec_key("new").token()) == "key"
    keys.event = Event()
    found = judge.judge(ec_key("new").token())
    assert isinstance(found, Unknown)
    assert found.fetched is keys.event
    assert keys.wanted == 2


def test_nothing_else_of_a_wrong_token_has_keys_fetched() -> None:
    keys = Keys()
    judge = verifier(keys)
    for each in (ec_key("x").token(aud="other"), ec_key("x").token(iss="https://other.example"), b"a.b.c"):
        refused(judge, each)
    assert keys.wanted == 0


def test_no_keys_at_all_is_nobodys_fault() -> None:
    with pytest.raises(KeysUnknown) as caught:
        verifier(Keys()).judge(KEY.token())
    assert (caught.value.status, caught.value.retryable) == (503, True)


def test_a_remembered_token_ends() -> None:
    judge = verifier(Keys(KEY))
    now = time.time()
    token = KEY.token(exp=int(now) + 100)
    good(judge, token)
    with patch.object(module, "time", lambda: now + 100 + LEEWAY_SECONDS + 1):
        assert refused(judge, token) == "expired"
    assert len(judge) == 0


def test_it_is_judged_again_after_a_while() -> None:
    judge = verifier(Keys(KEY))
    token = KEY.token()
    good(judge, token)
    later = time.monotonic() + REMEMBERED_SECONDS + 1
    with patch.object(module, "monotonic", lambda: later):
        good(judge, token)
    assert (judge.verified, judge.cached) == (2, 0)


def test_a_key_that_is_gone_takes_its_tokens_along() -> None:
    keys = Keys(KEY)
    judge = verifier(keys)
    token = KEY.token()
    good(judge, token)
    keys.keys = read_keys(jwks(ec_key("new")))
    assert refused(judge, token) == "key"


def test_memory_is_bounded() -> None:
    judge = verifier(Keys(KEY))
    tokens = [KEY.token(n=number) for number in range(30)]
    size = max(map(len, tokens))
    with patch.object(module, "REMEMBERED", 10):
        for token in tokens:
            good(judge, token)
        assert len(judge) == 10
    with patch.object(module, "REMEMBERED_BYTES", 5 * size + 40):
        good(judge, KEY.token(n="more"))
        assert len(judge) == 5
    good(judge, tokens[0])
    assert judge.verified == 32


def test_issuers_of_one_field_are_told_apart() -> None:
    other = ec_key("e")
    judge = Verifier([
        Issuer(ISSUER, frozenset({AUDIENCE}), Keys(KEY)),
        Issuer("https://second.example", frozenset({"b"}), Keys(other)),
    ])  # fmt: skip
    good(judge, KEY.token())
    good(judge, other.token(iss="https://second.example", aud="b"))
    assert refused(judge, KEY.token(iss="https://second.example", aud="b")) == "signature"
    assert refused(judge, other.token(iss="https://second.example")) == "audience"
