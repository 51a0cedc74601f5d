"""Keys stay current, last good ones count while their issuer is away, and nobody can have them fetched too often."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import trio
from trio.testing import MockClock

from noderouter.tokens import key_source
from noderouter.tokens.fetch import NotFetched, Place
from noderouter.tokens.jwk import read_keys
from noderouter.tokens.kept import Kept
from noderouter.tokens.key_source import ASKED_SECONDS, KEPT_SECONDS, REFRESH_SECONDS, FixedKeys, KeySource
from tests.testing.tokens import ec_key, jwks

URI = "https://issuer.example/keys"
OLD, NEW = ec_key("old"), ec_key("new")


class Issuer:
    """Answers fetches as a test says, and has its clock."""

    def __init__(self, clock: MockClock) -> None:
        self.now: Callable[[], float] = clock.current_time
        self.answer: bytes | Exception = jwks(OLD)
        self.at: list[float] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.holding: trio.Event | None = None

    async def fetch(self) -> bytes:
        self.at.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.holding is not None:
            await self.holding.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def log(self, _level: int, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def source(self, kept: Kept | None = None) -> KeySource:
        return KeySource(Place(URI), self.fetch, kept, self.log)


@asynccontextmanager
async def running(issuer: Issuer, kept: Kept | None = None) -> AsyncIterator[KeySource]:
    """A source that has fetched once, on the clock of the test."""
    with patch.object(key_source, "time", issuer.now), patch.object(key_source, "monotonic", issuer.now):
        source = issuer.source(kept)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run)
            await settled(source, 1)
            yield source
            nursery.cancel_scope.cancel()


async def settled(source: KeySource, fetches: int) -> None:
    """Wait until so many fetches are over."""
    while source.fetches < fetches or source._fetching:
        await trio.sleep(0.25)  # of the clock of the test


def kids(source: KeySource) -> list[str | None]:
    return [] if source.keys is None else [key.kid for key in source.keys.keys]


async def test_an_error_that_nobody_foresaw_is_a_failed_fetch(autojump_clock: MockClock) -> None:
    """It would end the process, and everybody's requests with it."""
    issuer = Issuer(autojump_clock)
    async with running(issuer) as source:
        issuer.answer = LookupError("of a library")
        await trio.sleep(REFRESH_SECONDS * 2)
        assert (source.why, kids(source)) == ("LookupError: of a library", ["old"])
        issuer.answer = jwks(NEW)
        await trio.sleep(REFRESH_SECONDS * 2)
        assert (source.why, kids(source)) == ("", ["new"])


async def test_the_first_fetch_is_waited_for(autojump_clock: MockClock) -> None:
    issuer = Issuer(autojump_clock)
    fetched = issuer.source().want()
    assert fetched is not None
    async with running(issuer) as source:
        assert kids(source) == ["old"]
    assert issuer.events == [("jwks.loaded", {"uri": URI, "kids": ["old"], "left_out": []})]


async def test_they_are_fetched_again_and_what_is_gone_is_gone(autojump_clock: MockClock) -> None:
    issuer = Issuer(autojump_clock)
    async with running(issuer) as source:
        issuer.answer = jwks(NEW)
        await settled(source, 2)
        assert kids(source) == ["new"]
        assert 0.9 * REFRESH_SECONDS <= issuer.at[1] - issuer.at[0] <= 1.1 * REFRESH_SECONDS + 1


async def test_an_unknown_key_has_them_fetched_but_not_often(autojump_clock: MockClock) -> None:
    issuer = Issuer(autojump_clock)
    async with running(issuer) as source:
        assert source.want() is None  # they have only just been fetched
        await trio.sleep(ASKED_SECONDS)
        issuer.holding = trio.Event()
        issuer.answer = jwks(OLD, NEW)
        waits = [source.want() for _ in range(1000)]
        assert all(each is waits[0] is not None for each in waits)
        await trio.sleep(3)
        assert source.fetches == 2
        assert source.want() is waits[0]
        issuer.holding.set()
        await settled(source, 2)
        assert waits[0] is not None
        assert waits[0].is_set()
        assert kids(source) == ["old", "new"]
        assert source.want() is None


async def test_the_last_good_ones_count_for_a_day(autojump_clock: MockClock) -> None:
    issuer = Issuer(autojump_clock)
    async with running(issuer) as source:
        issuer.answer = NotFetched("away")
        await settled(source, 3)
        assert kids(source) == ["old"]
        assert source.why == "away"
        assert "the last fetch failed: away" in source.words
        await trio.sleep(KEPT_SECONDS - (trio.current_time() - issuer.at[0]) - 1)
        assert kids(source) == ["old"]
        await trio.sleep(2)
        assert kids(source) == []
        await trio.sleep(120)
        issuer.answer = jwks(NEW)
        await trio.sleep(120)
        assert kids(source) == ["new"]
        assert source.why == ""
        assert source.failures > 1000
    events = [event for event, _ in issuer.events]
    assert events == ["jwks.loaded", "jwks.not_fetched", "jwks.too_old", "jwks.loaded"]


async def test_pauses_behind_failures_grow(autojump_clock: MockClock) -> None:
    issuer = Issuer(autojump_clock)
    issuer.answer = NotFetched("away")
    async with running(issuer) as source:
        await settled(source, 12)
    pauses = [late - early for early, late in pairwise(issuer.at)]
    assert pauses[0] < 1.5
    assert all(50 < each < 70 for each in pauses[-4:])


@pytest.mark.parametrize("lie", [b"", b"<html>", b'{"keys":[]}', jwks(OLD, ec_key("old"))])
async def test_lies_change_nothing(autojump_clock: MockClock, lie: bytes) -> None:
    issuer = Issuer(autojump_clock)
    async with running(issuer) as source:
        issuer.answer = lie
        await settled(source, 2)
        assert kids(source) == ["old"]
        assert source.failures == 1
        assert source.why


async def test_what_is_kept_is_what_a_start_begins_with(autojump_clock: MockClock, tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "keys"), URI)
    assert await kept.write(jwks(OLD)) == ""
    issuer = Issuer(autojump_clock)
    issuer.now = trio_time = lambda: 60 + time.time() + autojump_clock.current_time()
    issuer.answer = NotFetched("away")
    async with running(issuer, kept) as source:
        assert kids(source) == ["old"]
        issuer.answer = jwks(NEW)
        await settled(source, 2)
        assert kids(source) == ["new"]
        await trio.sleep(1)
    found = await kept.read()
    assert found is not None
    assert b'"new"' in found.data
    assert trio_time() > found.fetched_at


async def test_what_is_too_old_is_not(autojump_clock: MockClock, tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "keys"), URI)
    await kept.write(jwks(OLD))
    issuer = Issuer(autojump_clock)
    issuer.now = lambda: time.time() + KEPT_SECONDS + 10
    issuer.answer = NotFetched("away")
    async with running(issuer, kept) as source:
        assert kids(source) == []


async def test_a_file_that_cannot_be_written_is_said(autojump_clock: MockClock, tmp_path: Path) -> None:
    issuer = Issuer(autojump_clock)
    async with running(issuer, Kept(str(tmp_path / "no" / "keys"), URI)) as source:
        await settled(source, 2)
    assert [event for event, _ in issuer.events][:2] == ["jwks.loaded", "jwks.not_kept"]


def test_fixed_keys_are_what_they_are() -> None:
    assert FixedKeys(read_keys(jwks(OLD))).want() is None
