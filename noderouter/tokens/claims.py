"""What the claims of a token must say, whoever signed it (pure; RFC 7519 section 4.1)."""

from collections.abc import Collection
from typing import Final

from noderouter.core.claims import Claims
from noderouter.core.errors import BadToken

LEEWAY_SECONDS: Final = 60.0
"""How far the issuer's clock and ours may be apart."""

ISSUER: Final = "issuer"
AUDIENCE: Final = "audience"
EXPIRED: Final = "expired"
EARLY: Final = "early"


def check(claims: Claims, audiences: Collection[str], now: float) -> float:
    """Return until when the token holds, leeway included; `now` and that are seconds of the Unix clock.

    Raises:
        BadToken: it is not meant for us, or not now.
    """
    if not set(_audiences(claims)).intersection(audiences):
        raise BadToken(AUDIENCE, "the token is for another audience")
    expires = _time(claims, "exp")
    if expires is None:
        raise BadToken(EXPIRED, "the token does not say when it expires")
    if now >= expires + LEEWAY_SECONDS:
        raise BadToken(EXPIRED, "the token has expired")
    begins = _time(claims, "nbf")
    if begins is not None and now < begins - LEEWAY_SECONDS:
        raise BadToken(EARLY, "the token is not valid yet")
    return expires + LEEWAY_SECONDS


def issuer_of(claims: Claims) -> str:
    """Who says to have issued the token.

    Raises:
        BadToken: it does not say.
    """
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise BadToken(ISSUER, "the token does not say who has issued it")
    return issuer


def _audiences(claims: Claims) -> list[str]:
    """`aud`: a text, or a list of them."""
    found = claims.get("aud")
    listed = found if isinstance(found, list) else [found]
    texts = [each for each in listed if isinstance(each, str)]
    if not texts or len(texts) < len(listed):
        raise BadToken(AUDIENCE, "the token does not say whom it is for")
    return texts


def _time(claims: Claims, name: str) -> float | None:
    """A NumericDate; None where there is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12:
        raise BadToken(EXPIRED if name == "exp" else EARLY, f"the {name} of the token is no time")
    return float(value)
