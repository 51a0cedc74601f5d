"""`concurrency` of services and clients."""

import json
from random import Random
from typing import Any

import pytest

from dtab import Path
from noderouter.config.config import Config
from noderouter.config.validate import dump, validate_text
from noderouter.proxy.client.endpoint import NO_LIMIT
from noderouter.proxy.limit.config import Concurrency
from tests.testing.router import checked, config


def test_without_it_nothing_is_limited():
    (router,) = checked(config()).routers
    assert router.service.build().resolve(Path.parse("/svc/a")).concurrency is None
    params = router.client.build().resolve(Path.parse("/$/inet/a/1"))
    settings = params.build(Random(), 1.0)
    assert (settings.limit(), settings.queue) == ((NO_LIMIT, None), None)


def test_defaults():
    fixed = Concurrency(maxRequests=10)
    assert (fixed.most, fixed.maxQueued, fixed.queueTimeoutMs, fixed.gradient(Random())) == (10, 100, 100, None)
    adaptive = Concurrency(adaptive=True)
    gradient = adaptive.gradient(Random())
    assert gradient is not None
    assert (adaptive.most, adaptive.least, gradient.limit) == (1000, 4, 20)
    assert adaptive.gate("a", Random()).limit == 20
    assert fixed.gate("a", Random()).limit == 10


def test_entries_lay_a_whole_limit_over_another():
    keys = {
        "kind": "io.l5d.static",
        "configs": [
            {"prefix": "/svc", "concurrency": {"maxRequests": 10, "maxQueued": 1}},
            {"prefix": "/svc/a", "concurrency": {"adaptive": True}},
        ],
    }
    (router,) = checked(config(service=keys)).routers
    resolver = router.service.build()
    assert resolver.resolve(Path.parse("/svc/b")).concurrency == Concurrency(maxRequests=10, maxQueued=1)
    assert resolver.resolve(Path.parse("/svc/a")).concurrency == Concurrency(adaptive=True)
    assert checked(dump(checked(config(service=keys)))).routers == (router,)


@pytest.mark.parametrize("section", ["service", "client"])
@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        ({}, "", "nothing is limited: set maxRequests, or adaptive: true"),
        ({"maxRequests": 0}, ".maxRequests", ""),
        ({"maxRequests": 5, "minRequests": 2}, "", "minRequests is for adaptive limits"),
        ({"maxRequests": 3, "adaptive": True, "minRequests": 4}, "", "minRequests (4) is larger than maxRequests (3)"),
        ({"maxRequests": 3, "maxQueued": 10_001}, ".maxQueued", ""),
        ({"maxRequests": 3, "queueTimeoutMs": 0}, ".queueTimeoutMs", ""),
        ({"maxRequest": 3}, ".maxRequest", "unknown key"),
    ],
)
def test_what_is_wrong_is_said(section: str, keys: dict[str, Any], place: str, words: str) -> None:
    problems = validate_text(json.dumps(config(**{section: {"concurrency": keys}})))
    assert not isinstance(problems, Config)
    assert f"routers[0].{section}.concurrency{place}" in [each.path for each in problems]
    assert any(words in each.message for each in problems)
