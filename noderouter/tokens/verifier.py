"""Judges tokens, and remembers good ones: what the `Tokens` filter of a server asks.

A token that was good before is found by its SHA-256, and not looked at again until it ends, some minutes have passed,
or a key of its issuer is gone. A wrong one is judged each time. All of this runs in the data path, in its thread, and
waits for nothing: keys are fetched elsewhere (`key_source`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic, time
from typing import Final, Protocol

from noderouter.core.claims import Unknown, Verified
from noderouter.core.errors import BadToken, KeysUnknown
from noderouter.reactor.event import Event
from noderouter.tokens.claims import AUDIENCE, EARLY, EXPIRED, ISSUER, check, issuer_of
from noderouter.tokens.forward import Forwarded, lines
from noderouter.tokens.jwk import KEY, SIGNATURE, KeySet, verify
from noderouter.tokens.jwt import ALGORITHM, MALFORMED, parse

REMEMBERED: Final = 10_000
"""Good tokens."""
REMEMBERED_BYTES: Final = 8 << 20
"""Of all of them; their claims take some times as much."""
REMEMBERED_SECONDS: Final = 300.0

REASONS: Final = (MALFORMED, ALGORITHM, ISSUER, AUDIENCE, EXPIRED, EARLY, KEY, SIGNATURE)
"""Why a `Verifier` refuses tokens."""


class Keys(Protocol):
    """Has the keys of an issuer."""

    @property
    def keys(self) -> KeySet | None:
        """Those that are known; None where none are."""
        ...

    def want(self) -> Event | None:
        """Ask for them anew, since one is unknown; what is set behind the fetch, or None where none may be made yet."""
        ...


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are taken, and what of them is told to endpoints."""

    name: str
    audiences: frozenset[str]
    keys: Keys
    forwarded: Sequence[Forwarded] = ()


class _Remembered:
    """A good token. `keys` are those that it was verified with, `until` is monotonic, `ends` of the Unix clock."""

    __slots__ = ("ends", "issuer", "keys", "size", "until", "verified")

    def __init__(self, verified: Verified, issuer: Issuer, keys: KeySet, size: int, until: float, ends: float) -> None:
        self.verified = verified
        self.issuer = issuer
        self.keys = keys
        self.size = size
        self.until = until
        self.ends = ends


class Verifier:
    """Judges the tokens that come in one field of requests to one server.

    Attributes:
        verified: tokens whose signature was checked, and good.
        cached: times that one was known already.
        unwritten: claims that could not be written as fields, of tokens that were checked.
    """

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        """`issuers` have different names."""
        self.verified = 0
        self.cached = 0
        self.unwritten = 0
        self._issuers: Mapping[str, Issuer] = {each.name: each for each in issuers}
        self._remembered: dict[bytes, _Remembered] = {}
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<Verifier issuers={list(self._issuers)} remembered={len(self._remembered)} verified={self.verified}>"

    def __len__(self) -> int:
        """How many good tokens are remembered."""
        return len(self._remembered)

    def judge(self, data: bytes) -> Verified | Unknown:
        """Judge a token; see `core.claims.Verify`.

        Raises:
            BadToken: it is wrong.
            KeysUnknown: no key of its issuer is known, nor about to be.
        """
        digest = sha256(data).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if known.keys is known.issuer.keys.keys and monotonic() < known.until and time() < known.ends:
                self.cached += 1
                return known.verified
            self._forget(digest)
        token = parse(data)
        issuer = self._issuers.get(issuer_of(token.claims))
        if issuer is None:
            raise BadToken(ISSUER, "the token is of an issuer that is not taken here")
        now = time()
        ends = check(token.claims, issuer.audiences, now)
        keys = issuer.keys.keys
        key = None if keys is None else keys.find(token)
        if keys is None or key is None:
            return self._unknown(issuer, known=keys is not None)
        verify(key, token)
        self.verified += 1
        fields, unwritten = lines(token.claims, issuer.forwarded)
        self.unwritten += unwritten
        good = Verified(token.claims, fields)
        until = monotonic() + REMEMBERED_SECONDS
        self._remember(digest, _Remembered(good, issuer, keys, len(data), until, ends))
        return good

    def _unknown(self, issuer: Issuer, *, known: bool) -> Unknown:
        """What becomes of a token whose key is not known, while others of its issuer are, or are not, `known`."""
        fetched = issuer.keys.want()
        if fetched is not None:
            return Unknown(fetched)
        if known:
            raise BadToken(KEY, "the token names a key that its issuer does not have")
        raise KeysUnknown(f"the keys of {issuer.name} are not known: they could not be fetched yet")

    def _remember(self, digest: bytes, good: _Remembered) -> None:
        self._remembered[digest] = good
        self._bytes += good.size
        while len(self._remembered) > REMEMBERED or self._bytes > REMEMBERED_BYTES:
            self._forget(next(iter(self._remembered)))

    def _forget(self, digest: bytes) -> None:
        self._bytes -= self._remembered.pop(digest).size
