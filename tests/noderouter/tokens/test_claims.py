"""Issuer, audience and times of a token."""

from typing import Any

import pytest

from noderouter.core.errors import BadToken
from noderouter.tokens.claims import AUDIENCE, EARLY, EXPIRED, ISSUER, LEEWAY_SECONDS, check, issuer_of

NOW = 1_700_000_000.0


def refused(**claims: Any) -> str:
    good = {"aud": "us", "exp": NOW + 10} | claims
    with pytest.raises(BadToken) as caught:
        check({name: value for name, value in good.items() if value is not None}, {"us", "them"}, NOW)
    return caught.value.reason


@pytest.mark.parametrize("audience", ["us", "them", ["us"], ["other", "us"]])
def test_audiences(audience: object) -> None:
    assert check({"aud": audience, "exp": NOW + 10}, {"us", "them"}, NOW) == NOW + 10 + LEEWAY_SECONDS


@pytest.mark.parametrize(
    "audience", [None, "other", "US", "us ", [], ["other"], ["us", 1], [["us"]], 1, {"us": 1}, True]
)
def test_other_audiences(audience: object) -> None:
    assert refused(aud=audience) == AUDIENCE


def test_times() -> None:
    inside = LEEWAY_SECONDS - 1
    check({"aud": "us", "exp": NOW - inside, "nbf": NOW + inside}, {"us"}, NOW)
    check({"aud": "us", "exp": NOW + 0.5, "nbf": 0}, {"us"}, NOW)
    assert refused(exp=NOW - LEEWAY_SECONDS) == EXPIRED
    assert refused(nbf=NOW + LEEWAY_SECONDS + 1) == EARLY


@pytest.mark.parametrize("time", [None, True, "1700000001", [], {}, 1e300, 10**400, -(10**400)])
def test_what_is_no_time(time: object) -> None:
    assert refused(exp=time) == EXPIRED
    if time is not None:
        assert refused(nbf=time) == EARLY


def test_issuers() -> None:
    assert issuer_of({"iss": "https://a"}) == "https://a"
    for wrong in (None, 1, ["https://a"], {}):
        with pytest.raises(BadToken) as caught:
            issuer_of({"iss": wrong})
        assert caught.value.reason == ISSUER
