"""No failure accrual."""

from random import Random

from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL
from noderouter.schema.kind import kind_field


def test_all_nodes_share_the_machine_that_never_trips():
    make = kind_field(AccrualKind, "noderouter.proxy.balancer.accrual").validate({"kind": "none"}).build(Random(1))
    assert make() is make() is NO_ACCRUAL
