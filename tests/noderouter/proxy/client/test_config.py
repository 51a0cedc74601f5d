"""`client`: its defaults, and the parameters of a bound name."""

from math import inf
from random import Random

import pytest
from pydantic import ValidationError

from dtab import Path
from noderouter.proxy.balancer.accrual.consecutive_failures import ConsecutiveFailuresKind
from noderouter.proxy.balancer.ewma import EwmaKind
from noderouter.proxy.balancer.p2c import P2CKind
from noderouter.proxy.client.config import (
    ClientKeys,
    ClientParams,
    ClientResolver,
    GlobalClient,
    PoolConfig,
    StaticClient,
    StreamParams,
)
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.listener.config import Session
from noderouter.proxy.retry.config import Budget

NAME = Path.of("#", "io.l5d.fs", "web")


def test_the_defaults() -> None:
    assert GlobalClient.model_validate({"kind": "io.l5d.global"}).build().resolve(NAME) == ClientParams(
        balancer=P2CKind(kind="p2c"),
        accrual=ConsecutiveFailuresKind(kind="io.l5d.consecutiveFailures", failures=5),
        pool=PoolConfig(minSize=0, maxSize=None, idleTimeMs=3000, maxWaiters=None),
        attempt_timeout=None,
        requeue_budget=Budget(),
        session=Session(),
        concurrency=None,
        fail_fast=False,
        connecting=5.0,
        head=300.0,
        body_idle=60.0,
        upload=30.0,
        upload_bytes=64 << 20,
        strict_responses=False,
        endpoint_protocol=None,
        streams=StreamParams(None, 65_536, 1 << 20, 4096, 16_384, 61_440),
        tls=None,
        forward_client_cert=False,
    )


def test_static_settings_match_the_whole_id_with_transformers() -> None:
    client = StaticClient.model_validate(
        {
            "kind": "io.l5d.static",
            "configs": [
                {"prefix": "/*/io.l5d.fs", "requestAttemptTimeoutMs": 250, "hostConnectionPool": {"maxSize": 3}},
                {"prefix": "/%/io.l5d.localhost", "loadBalancer": {"kind": "ewma"}},
                {"prefix": "/#/io.l5d.fs/web", "hostConnectionPool": {"idleTimeMs": 9}},
            ],
        }
    )
    settings = client.build()
    params = settings.resolve(NAME)
    assert params.attempt_timeout == 0.25
    assert params.pool == PoolConfig(idleTimeMs=9)  # one value as a whole, as in Linkerd
    assert isinstance(params.balancer, P2CKind)
    assert isinstance(settings.resolve(Path.of("%", "io.l5d.localhost", *NAME.labels)).balancer, EwmaKind)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"hostConnectionPool": {"minSize": 3, "maxSize": 2}}, "minSize \\(3\\) is larger than maxSize \\(2\\)"),
        ({"tls": {}}, "`commonName` is not set"),
        ({"requestAttemptTimeoutMs": 0}, "greater than or equal to 1"),
    ],
)
def test_refusals(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClientKeys.model_validate(keys)


def test_what_endpoints_speak_is_by_prefix() -> None:
    client = StaticClient.model_validate(
        {
            "kind": "io.l5d.static",
            "configs": [
                {"prefix": "/#/io.l5d.fs", "endpointProtocol": "h2", "maxConcurrentStreamsPerConnection": 7},
                {"prefix": "/#/io.l5d.fs/web", "maxFrameBytes": 20_000},
                {"prefix": "/#/io.l5d.fs/old", "endpointProtocol": "http"},
            ],
        }
    ).build()
    web = client.resolve(NAME)
    assert (web.endpoint_protocol, web.streams.max_streams, web.streams.max_frame) == ("h2", 7, 20_000)
    assert client.resolve(Path.of("#", "io.l5d.fs", "old")).endpoint_protocol == "http"
    assert client.resolve(Path.of("$", "inet")).endpoint_protocol is None


def test_switches_that_are_off_are_accepted() -> None:
    assert not ClientKeys.model_validate({"failFast": False, "forwardClientCert": False}).failFast


def test_responses_are_read_leniently_unless_said_otherwise() -> None:
    for keys, strict in (({}, False), ({"strictResponses": True}, True), ({"strictResponses": False}, False)):
        params = GlobalClient.model_validate({"kind": "io.l5d.global", **keys}).build().resolve(NAME)
        assert params.build_pool().limits.lenient is not strict


def test_time_limits_can_be_lifted() -> None:
    keys = {"kind": "io.l5d.global", "responseHeadTimeoutMs": 0, "bodyIdleTimeoutMs": 0}
    params = GlobalClient.model_validate(keys).build().resolve(NAME)
    assert params.head == params.body_idle == inf


def pool(**keys: object) -> PoolSettings:
    """The settings of the pool of any endpoint under these keys."""
    return GlobalClient.model_validate({"kind": "io.l5d.global", **keys}).build().resolve(NAME).build_pool()


def test_without_keys_the_defaults_of_a_pool_hold() -> None:
    assert pool() == PoolSettings()


def test_a_pool() -> None:
    made = pool(
        hostConnectionPool={"minSize": 1, "maxSize": 2, "idleTimeMs": 500, "maxWaiters": 0},
        clientSession={"lifeTimeMs": 60_000},
    )
    assert (made.min_size, made.max_size, made.max_waiters) == (1, 2, 0)
    assert (made.idle_seconds, made.life_seconds) == (0.5, 60.0)


def test_the_shorter_of_two_idle_times_holds() -> None:
    assert pool(clientSession={"idleTimeMs": 100}).idle_seconds == 0.1
    assert pool(clientSession={"idleTimeMs": 10_000}).idle_seconds == 3.0


def test_a_client_has_the_budget_that_is_configured() -> None:
    keys = {"kind": "io.l5d.global", "requeueBudget": {"minRetriesPerSec": 0, "percentCanRetry": 0}, "failFast": True}
    settings = GlobalClient.model_validate(keys).build().resolve(NAME).build(Random(1), 7.0)
    assert (settings.binding_seconds, settings.fail_fast) == (7.0, True)
    budget = settings.requeue_budget()
    assert budget is not settings.requeue_budget()
    budget.deposit(0.0)
    assert not budget.try_withdraw(0.0)


def secured(*configs: dict[str, object]) -> ClientResolver:
    return StaticClient.model_validate({"kind": "io.l5d.static", "configs": configs}).build()


def test_the_last_tls_counts_with_the_captures_of_its_own_prefix() -> None:
    resolver = secured(
        {"prefix": "/#/{namer}", "tls": {"commonName": "{namer}"}},
        {"prefix": "/#/*/{service}", "tls": {"commonName": "{service}.test", "disableValidation": True}},
        {"prefix": "/#/*/plain", "tls": {"enabled": False}},
        {"prefix": "/", "failFast": True},
    )
    found = resolver.resolve(NAME).tls
    assert found is not None
    assert (found.name, found.place) == (f"{NAME.labels[2].decode()}.test", "/#/*/{service}")
    assert resolver.resolve(Path.of("#", "io.l5d.fs", "plain")).tls is None
    assert resolver.resolve(Path.of("$", "inet")).tls is None
    assert [each.name for each in resolver.all_tls()] == ["{namer}", "{service}.test"]


@pytest.mark.parametrize(
    "client",
    [
        {"kind": "io.l5d.static", "configs": [{"prefix": "/#/{a}", "tls": {"commonName": "{b}"}}]},
        {"kind": "io.l5d.global", "tls": {"commonName": "{a}"}},
    ],
)
def test_a_capture_that_is_none_is_refused(client: dict[str, object]) -> None:
    kind = GlobalClient if client["kind"] == "io.l5d.global" else StaticClient
    with pytest.raises(ValidationError, match="which the prefix does not capture"):
        kind.model_validate(client)
