"""What all accrual kinds have in common.

Covers `policies.py`.
"""

from random import Random

import pytest
from pydantic import ValidationError

from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.schema.kind import kind_field, kinds_in
from noderouter.schema.linkerd_keys import KINDS

PACKAGE = "noderouter.proxy.balancer.accrual"
FIELD = kind_field(AccrualKind, PACKAGE)
KEYS = {
    "io.l5d.consecutiveFailures": {},
    "io.l5d.successRate": {"successRate": 0.9, "requests": 10},
    "io.l5d.successRateWindowed": {"successRate": 0.9, "window": 10},
    "none": {},
}


def test_every_kind_of_linkerd_is_built():
    assert kinds_in(PACKAGE, AccrualKind).keys() == KINDS["accrual"].keys() == KEYS.keys()


@pytest.mark.parametrize("kind", KEYS)
def test_each_node_that_can_die_has_a_machine_of_its_own(kind):
    make = FIELD.validate({"kind": kind, **KEYS[kind]}).build(Random(1))
    one, other = make(), make()
    for _ in range(10):
        one.failure(10.0)
    assert other.available(10.0)
    assert one.available(10.0) is (kind == "none")


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "none"])
def test_the_backoff_is_the_configured_one(kind):
    keys = {"kind": kind, **KEYS[kind], "backoff": {"kind": "constant", "ms": 2000}}
    accrual = FIELD.validate(keys).build(Random(1))()
    for _ in range(10):
        accrual.failure(10.0)
    assert accrual.opens_at == 12.0


def test_none_has_no_backoff():
    with pytest.raises(ValidationError, match="backoff"):
        FIELD.validate({"kind": "none", "backoff": {"kind": "constant", "ms": 2000}})
