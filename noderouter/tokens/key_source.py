"""Keeps the keys of one issuer current: fetched at the start, every few minutes, and when a token names an unknown one.

fetched          the new set counts at once; tokens of keys that are gone are wrong from then on
not fetched      the last good set counts on, for `KEPT_SECONDS`; tries after pauses that grow
unknown key      fetched at once, but not within `ASKED_SECONDS` of the last fetch, whoever asks
"""

from collections.abc import Awaitable, Callable
from logging import ERROR, INFO, WARNING
from random import random
from time import monotonic, time
from typing import Final

import trio

from noderouter.core.background import Log
from noderouter.reactor.event import Event
from noderouter.tokens.fetch import NotFetched, Place
from noderouter.tokens.jwk import BadKeys, KeySet, read_keys
from noderouter.tokens.kept import Kept

REFRESH_SECONDS: Final = 300.0
ASKED_SECONDS: Final = 10.0
KEPT_SECONDS: Final = 24 * 3600.0
PAUSES: Final = (1.0, 60.0)
"""The first pause behind a fetch that failed, and the longest; each is twice as long as the one before."""

Fetch = Callable[[], Awaitable[bytes]]


class FixedKeys:
    """Keys that the configuration has."""

    def __init__(self, keys: KeySet) -> None:
        self.keys = keys

    def want(self) -> Event | None:
        """There will be no others."""
        return None


class KeySource:
    """The keys at one place; see `verifier.Keys`.

    Attributes:
        fetches: how often they were asked for.
        failures: how often there was none, or nothing that can be used.
        why: why the last fetch failed; empty where it did not.
    """

    def __init__(self, place: Place, fetch: Fetch, kept: Kept | None, log: Log) -> None:
        """Fetches nothing before `run`; what `kept` has counts until then."""
        self.place = place
        self.fetches = 0
        self.failures = 0
        self.why = ""
        self._fetch = fetch
        self._kept = kept
        self._log = log
        self._keys: KeySet | None = None
        self._good_at = 0.0
        self._begun_at = 0.0
        self._round = Event()
        self._fetching = True  # the first one is about to be
        self._asked = trio.Event()
        self._pause = 0.0

    def __repr__(self) -> str:
        return f"<KeySource {self.place.uri} keys={0 if self._keys is None else len(self._keys.keys)} {self.why}>"

    @property
    def keys(self) -> KeySet | None:
        """Those that count; None before the first, and where the last are too old."""
        return None if self._keys is None or self.age > KEPT_SECONDS else self._keys

    @property
    def age(self) -> float:
        """Seconds since they were fetched last; 0 before that."""
        return 0.0 if self._keys is None else max(0.0, time() - self._good_at)

    @property
    def words(self) -> str:
        """How it is, in a line."""
        keys = self.keys
        known = "no keys are known" if keys is None else f"{len(keys.keys)} keys, fetched {self.age:.0f} s ago"
        return f"{known}; the last fetch failed: {self.why}" if self.why else known

    def want(self) -> Event | None:
        """See `verifier.Keys`; callable from the data plane."""
        if not self._fetching:
            if self._begun_at + ASKED_SECONDS > monotonic():
                return None
            self._fetching = True
            self._asked.set()
        return self._round

    async def run(self) -> None:
        """Fetch, until cancelled."""
        await self._take_kept()
        while True:
            good = await self._once()
            self._pause = 0.0 if good else min(max(2 * self._pause, PAUSES[0]), PAUSES[1])
            pause = self._pause or REFRESH_SECONDS
            with trio.move_on_after(pause * (0.9 + 0.2 * random())):
                await self._asked.wait()

    async def _once(self) -> bool:
        """Fetch, and wake who waits for it; whether it was good."""
        self._fetching = True
        self._asked = trio.Event()
        self._begun_at = monotonic()
        self.fetches += 1
        data = b""
        try:
            data = await self._fetch()
            self._take(read_keys(data), time())
        except (NotFetched, BadKeys) as error:
            self._failed(str(error))
        except Exception as error:  # what a library makes of an issuer's answer ends nobody's requests
            self._failed(f"{type(error).__name__}: {error}")
        finally:
            over, self._round = self._round, Event()
            self._fetching = False
            over.set()
        if self.why:
            return False
        if self._kept is not None:
            why = await self._kept.write(data)
            if why:
                self._log(WARNING, "jwks.not_kept", uri=self.place.uri, reason=why)
        return True

    def _take(self, keys: KeySet, fetched_at: float) -> None:
        """Put fetched keys into effect."""
        self._good_at = fetched_at
        self.why = ""
        if keys != self._keys:
            self._keys = keys
            kids = [key.kid for key in keys.keys]
            self._log(INFO, "jwks.loaded", uri=self.place.uri, kids=kids, left_out=list(keys.left_out))

    def _failed(self, why: str) -> None:
        """Note it; it is logged once, and once more when the last good keys have become too old."""
        self.failures += 1
        first, self.why = not self.why, why
        if self._keys is not None and self.keys is None:
            self._keys = None
            self._log(ERROR, "jwks.too_old", uri=self.place.uri, reason=why, hours=KEPT_SECONDS / 3600)
        elif first:
            self._log(WARNING, "jwks.not_fetched", uri=self.place.uri, reason=why)

    async def _take_kept(self) -> None:
        """Begin with what was kept, if that is not too old."""
        found = None if self._kept is None else await self._kept.read()
        if found is None:
            return
        try:
            keys = read_keys(found.data)
        except BadKeys as error:
            self._log(WARNING, "jwks.not_kept", uri=self.place.uri, reason=str(error))
            return
        if time() - found.fetched_at <= KEPT_SECONDS:
            self._take(keys, min(found.fetched_at, time()))
