"""A token, taken apart (pure): the compact form of a JWS with JSON inside (RFC 7515 sections 3.1 and 7.1, RFC 7519).

Strict, because whatever can be read in two ways somebody reads in the other: base64url without padding and in its one
form, UTF-8, JSON objects without a name twice. What the header says of where keys are (`jku`, `x5u`, `jwk`, `x5c`) is
not looked at. Nothing here has been verified.
"""

import re
from base64 import urlsafe_b64encode
from binascii import Error, a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass
from json import JSONDecoder
from typing import Any, Final, NoReturn

from noderouter.core.errors import BadToken

MAX_BYTES: Final = 8192
"""Of a token; a head of 60 KB may hold it, but nobody issues such."""
MOST_DEEP: Final = 32
"""Objects and arrays within each other in claims: how deep Python's parser goes differs with its version."""
MALFORMED: Final = "malformed"
ALGORITHM: Final = "algorithm"

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Those that can be had (RFC 7518 section 3.1, RFC 8037); which of them is for the key to say."""

_TYPES: Final = frozenset(("jwt", "at+jwt"))
"""What `typ` may be, apart from nothing: others are meant for something else (RFC 8725 section 3.11)."""
_FORM: Final = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_TO_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
_PADDING: Final = (b"", b"", b"==", b"=")


class Twice(ValueError):
    """A name stands in a JSON object twice."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says, and what of it is signed."""

    algorithm: str
    kid: str | None
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(data: bytes) -> Token:
    """Take a token apart.

    Raises:
        BadToken: it is none, or one that is not for us.
    """
    if len(data) > MAX_BYTES:
        raise BadToken(MALFORMED, f"the token is longer than {MAX_BYTES} bytes")
    form = _FORM.fullmatch(data)
    if form is None:
        raise BadToken(MALFORMED, "the token is not three parts of base64url")
    try:
        header, claims, signature = _object(form[1]), _object(form[2]), decoded(form[3])
    except ValueError:
        raise BadToken(MALFORMED, "the token is not JSON in base64url, each name once") from None
    return Token(_algorithm(header), _kid(header), claims, data[: form.end(2)], signature)


def _algorithm(header: dict[str, Any]) -> str:
    """The algorithm, of a header that asks for nothing else."""
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise BadToken(ALGORITHM, f"the algorithm of the token is none of {', '.join(ALGORITHMS)}")
    if "crit" in header:
        raise BadToken(MALFORMED, "the token has critical header parameters")
    type_ = header.get("typ", "JWT")
    if not isinstance(type_, str) or type_.lower().removeprefix("application/") not in _TYPES:
        raise BadToken(MALFORMED, "the token is of another type than JWT or at+jwt")
    assert isinstance(algorithm, str)
    return algorithm


def _kid(header: dict[str, Any]) -> str | None:
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise BadToken(MALFORMED, "the kid of the token is not text")
    return kid


def decoded(part: bytes) -> bytes:
    """The bytes that base64url without padding stands for (RFC 7515 section 2).

    Raises:
        ValueError: it is none, or not in its one form.
    """
    try:
        data = a2b_base64(part.translate(_TO_PLAIN) + _PADDING[len(part) % 4])
    except Error as error:
        raise ValueError(str(error)) from None
    if urlsafe_b64encode(data).rstrip(b"=") != part:
        raise ValueError("not the one form of base64url")
    return data


def object_in(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`, each name once, every number finite, and nothing more than `MOST_DEEP` deep.

    Raises:
        ValueError: there is none.
    """
    try:
        found = _DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    inside: list[Any] = [found]
    for _ in range(MOST_DEEP + 1):
        inside = [each for outer in inside for each in _members(outer)]
        if not inside:
            return found
    raise ValueError("too deep")


def _members(value: Any) -> Iterable[Any]:
    """What is in an object or an array; nothing is in anything else."""
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _object(part: bytes) -> dict[str, Any]:
    return object_in(decoded(part))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Twice("a name stands there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError("a number without end")
    return number


_DECODER: Final = JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
