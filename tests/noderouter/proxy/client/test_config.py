"""`client`: its defaults, and the parameters of a bound name."""

from math import inf

import pytest
from pydantic import ValidationError

from dtab import Path
from noderouter.assembly.settings import pool_settings
from noderouter.proxy.balancer.accrual.consecutive_failures import ConsecutiveFailuresKind
from noderouter.proxy.balancer.ewma import EwmaKind
from noderouter.proxy.balancer.p2c import P2CKind
from noderouter.proxy.client.config import ClientKeys, ClientParams, GlobalClient, Pool, StaticClient
from noderouter.proxy.listener.session import Session
from noderouter.proxy.retry.config import Budget

NAME = Path.of("#", "io.l5d.fs", "web")


def test_the_defaults() -> None:
    assert GlobalClient.model_validate({"kind": "io.l5d.global"}).settings().resolve(NAME) == ClientParams(
        balancer=P2CKind(kind="p2c"),
        accrual=ConsecutiveFailuresKind(kind="io.l5d.consecutiveFailures", failures=5),
        pool=Pool(minSize=0, maxSize=None, idleTimeMs=3000, maxWaiters=None),
        attempt_timeout=None,
        requeue_budget=Budget(),
        session=Session(),
        fail_fast=False,
        connecting=5.0,
        head=300.0,
        body_idle=60.0,
        upload=30.0,
        upload_bytes=64 << 20,
        strict_responses=False,
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
    settings = client.settings()
    params = settings.resolve(NAME)
    assert params.attempt_timeout == 0.25
    assert params.pool == Pool(idleTimeMs=9)  # one value as a whole, as in Linkerd
    assert isinstance(params.balancer, P2CKind)
    assert isinstance(settings.resolve(Path.of("%", "io.l5d.localhost", *NAME.labels)).balancer, EwmaKind)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"hostConnectionPool": {"minSize": 3, "maxSize": 2}}, "minSize \\(3\\) is larger than maxSize \\(2\\)"),
        ({"forwardClientCert": True}, "not supported by noderouter yet"),
        ({"requestAttemptTimeoutMs": 0}, "greater than or equal to 1"),
    ],
)
def test_refusals(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClientKeys.model_validate(keys)


def test_switches_that_are_off_are_accepted() -> None:
    assert not ClientKeys.model_validate({"failFast": False, "forwardClientCert": False}).failFast


def test_responses_are_read_leniently_unless_said_otherwise() -> None:
    for keys, strict in (({}, False), ({"strictResponses": True}, True), ({"strictResponses": False}, False)):
        params = GlobalClient.model_validate({"kind": "io.l5d.global", **keys}).settings().resolve(NAME)
        assert pool_settings(params).limits.lenient is not strict


def test_time_limits_can_be_lifted() -> None:
    keys = {"kind": "io.l5d.global", "responseHeadTimeoutMs": 0, "bodyIdleTimeoutMs": 0}
    params = GlobalClient.model_validate(keys).settings().resolve(NAME)
    assert params.head == params.body_idle == inf
