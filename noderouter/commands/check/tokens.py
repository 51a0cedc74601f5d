"""The keys of issuers of tokens: whether they can be fetched from here, and which of them can be used."""

from collections.abc import Iterator
from functools import partial

import trio

from noderouter.assembly.tokens import judge_with
from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.config.config import Config
from noderouter.proxy.client.destination_policy import DestinationPolicy, Rules
from noderouter.proxy.client.ourselves import Ourselves
from noderouter.tokens.config import IssuerConfig
from noderouter.tokens.fetch import Judge, NotFetched, Place, fetch
from noderouter.tokens.jwk import BadKeys, KeySet, read_keys


def check_tokens(config: Config) -> Iterator[Finding]:
    """Yield a finding for each issuer and place, once."""
    seen: set[tuple[str, object]] = set()
    for router in config.routers:
        rules = Rules(router.destinations.allow, router.destinations.deny)
        judge = judge_with(DestinationPolicy(rules, Ourselves(), lambda: None))
        for issuer in (each for server in router.servers for each in server.jwt):
            key = (issuer.issuer, (issuer.jwksUri, issuer.trustCerts, router.destinations))
            if issuer.jwks is not None or key not in seen:
                seen.add(key)
                yield check_issuer(issuer, judge)


def check_issuer(issuer: IssuerConfig, judge: Judge) -> Finding:
    """Fetch the keys of an issuer, as the router would."""
    subject = f"tokens of {issuer.issuer}"
    if issuer.jwks is not None:
        return judged(subject, issuer.jwks.keys)
    assert issuer.jwksUri is not None
    place = Place(issuer.jwksUri, issuer.trustCerts)
    try:
        return judged(subject, read_keys(trio.run(partial(fetch, place, judge))))
    except (NotFetched, BadKeys) as error:
        hint = "see docs/tokens.md: jwksUri, trustCerts, and destinations of the router"
        return fail(subject, f"{place.uri}: {error}", hint)


def judged(subject: str, keys: KeySet) -> Finding:
    """Return the finding about keys that are there."""
    shown = ", ".join(f"{key.kid or 'without a kid'} ({' '.join(key.checks)})" for key in keys.keys)
    if keys.left_out:
        return warn(subject, f"keys: {shown}", f"left out: {'; '.join(keys.left_out)}")
    return ok(subject, f"keys: {shown}")
