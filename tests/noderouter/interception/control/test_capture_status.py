"""What a pod is told that asks whether its connections are captured."""

import pytest

from noderouter.interception.control.capture_status import Verdict, capture_status, left_out
from noderouter.interception.control.keeper_status import KeeperStatus
from noderouter.interception.control.pods import Captured, Ourselves, judged, project_pod
from noderouter.interception.control.replies import State
from noderouter.interception.control.selection import SelectionMode, SelectionValue
from tests.testing.kube_pods import networked, pod

NAMESPACES = {
    "default": SelectionValue.UNSET,
    "kube-system": SelectionValue.UNSET,
    "quiet": SelectionValue.DISABLED,
    "storage": SelectionValue.UNSET,
}


@pytest.fixture
def status():
    """Armed."""
    made = KeeperStatus(lambda *_, **__: None)
    made.joined("nftables", frozenset({"storage"}))
    made.state(State(armed=True, why=""))
    return made


def facts(*things):
    return [project_pod(thing, Ourselves()) for thing in things]


def ask(address, status, *things, taken=None, selection=SelectionMode.OPT_OUT):
    pods = list(judged(facts(*things), NAMESPACES, selection))
    wanted = [Captured(each.told, each.network) for each, why in pods if not why]
    found = capture_status(address, left_out(pods, status.left_out), wanted if taken is None else taken, status)
    return found.verdict.value, found.why


def test_a_pod_that_the_keeper_has_is_captured_by_each_of_its_addresses(status):
    things = pod("web", "10.0.0.1", "fd00::1"), pod("other", "10.0.0.2")
    assert ask("10.0.0.1", status, *things) == ("captured", "")
    assert ask("fd00::1", status, *things) == ("captured", "")


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (pod("web", "10.0.0.1", namespace="quiet"), "the namespace's label noderouter.io/intercept is `disabled`"),
        (pod("web", "10.0.0.1", choice="disabled"), "the pod's annotation noderouter.io/intercept is `disabled`"),
        (pod("web", "10.0.0.1", namespace="kube-system"), "pods of kube-system never are"),
    ],
)
def test_who_is_left_out_need_not_wait(status, thing, why):
    assert ask("10.0.0.1", status, thing) == ("direct", why)


def test_nor_need_who_was_not_asked_for(status):
    found = ask("10.0.0.1", status, pod("web", "10.0.0.1"), selection=SelectionMode.OPT_IN)
    assert found == ("direct", "noderouter.io/intercept is not set to `enabled`")


def test_nor_whom_the_keeper_leaves_out(status):
    found = ask("10.0.0.1", status, pod("disk", "10.0.0.1", namespace="storage"))
    assert found == ("direct", "the keeper leaves its namespace out (--exclude-namespace)")


@pytest.mark.parametrize(
    ("things", "why"),
    [
        ([pod("web", "10.0.0.2"), pod("new")], "no pod of this node is known to have the address 10.0.0.1"),
        ([pod("old", "10.0.0.1"), pod("new", "10.0.0.1")], "2 pods have the address 10.0.0.1"),
        ([pod("web", "10.0.0.1", namespace="new")], "its namespace is not known yet"),
        ([pod("web", "10.0.0.1", conditions=[networked("False")])], "its network is being made"),
    ],
)
def test_what_time_will_mend(status, things, why):
    assert ask("10.0.0.1", status, *things) == ("not yet", why)


def test_a_list_that_was_not_taken_yet(status):
    assert ask("10.0.0.1", status, pod("web", "10.0.0.1"), taken=()) == (
        "not yet",
        "it was not sent to the keeper yet",
    )


def test_the_network_that_the_keeper_knows_is_not_the_one_it_has(status):
    before, now = (pod("web", "10.0.0.1", conditions=[networked("True", since)]) for since in ("1", "2"))
    [old] = facts(before)
    assert ask("10.0.0.1", status, now, taken=[Captured(old.told, old.network)])[0] == "not yet"


@pytest.mark.parametrize(
    "happens",
    [
        lambda status: status.state(State(armed=False, why="no probe")),
        lambda status: status.state(State(armed=False, why="another keeper captures", standby=True)),
        lambda status: status.lost("the keeper has gone"),
        lambda status: status.applied(2, "the kernel refused"),
        lambda status: status.closing(),
    ],
)
def test_while_nothing_is_captured_nobody_is(status, happens):
    happens(status)
    verdict, why = ask("10.0.0.1", status, pod("web", "10.0.0.1"))
    assert (verdict, bool(why)) == (Verdict.NOT_YET.value, True)
