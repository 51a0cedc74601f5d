"""The key sources of a process: one for each place that the configuration names, whichever servers ask for it."""

from collections.abc import Callable, Hashable
from functools import partial

from noderouter.core.background import Log, StartSoon
from noderouter.telemetry.tree import Scope
from noderouter.tokens.config import IssuerConfig
from noderouter.tokens.fetch import Judge, Place, fetch
from noderouter.tokens.kept import Kept
from noderouter.tokens.key_source import FixedKeys, KeySource
from noderouter.tokens.verifier import Keys

OpenKeys = Callable[[IssuerConfig, Judge, Hashable], Keys]
"""See `KeySources.open`."""


class KeySources:
    """Makes key sources, has them run, and shows them."""

    def __init__(self, start_soon: StartSoon, metrics: Scope, log: Log) -> None:
        """Sources run by `start_soon`; their metrics are below `metrics`."""
        self._start_soon = start_soon
        self._metrics = metrics
        self._log = log
        self._sources: dict[Hashable, KeySource] = {}

    def open(self, config: IssuerConfig, judge: Judge, rules: Hashable) -> Keys:
        """The keys of an issuer, fetched from where `judge` lets them be; equal `rules` are equal judges."""
        if config.jwks is not None:
            return FixedKeys(config.jwks.keys)
        assert config.jwksUri is not None
        place = Place(config.jwksUri, config.trustCerts)
        key = (place, config.lastGood, rules)
        source = self._sources.get(key)
        if source is None:
            kept = None if config.lastGood is None else Kept(config.lastGood, place.uri)
            source = self._sources[key] = KeySource(place, partial(fetch, place, judge), kept, self._log)
            _gauges(self._metrics.scope(place.uri), source)
            self._start_soon(source.run, name=f"keys from {place.uri}")
        return source

    def words(self) -> list[str]:
        """How each is, in a line."""
        return [f"keys at {each.place.uri}: {each.words}" for each in self._sources.values()]


def _gauges(scope: Scope, source: KeySource) -> None:
    scope.gauge("keys", lambda: 0 if source.keys is None else len(source.keys.keys))
    scope.gauge("age_seconds", lambda: source.age)
    scope.tally("fetches", lambda: source.fetches)
    scope.tally("failures", lambda: source.failures)
