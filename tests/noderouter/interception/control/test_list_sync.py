"""What is told of a list, whatever becomes of it: the whole list, or the last good one without what has gone."""

from ipaddress import ip_address

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from noderouter.interception.control.list_sync import DesiredList, Limits, ListSync
from noderouter.interception.control.pods import Captured, renewed_first
from noderouter.interception.keeper.state import Pod
from tests.testing.examples import examples

MOST = 4
API = frozenset({ip_address("192.0.2.1")})


def sync(first=None):
    more = () if first is None else (first,)
    return ListSync(
        "pods", Limits(MOST, 1), lambda generation, items, never: repr((generation, *items)).encode(), *more
    )


def told(made, generation=1):
    line = made.begin(generation).decode()
    made.taken()
    return line


def test_nothing_is_due_before_it_is_known():
    made = sync()
    assert not made.due
    assert not made.complete
    assert made.want(DesiredList())
    assert made.due, "that there is none is news as well"
    assert told(made) == "(1,)"
    assert made.complete
    assert not made.due


def test_the_same_is_told_once_and_again_on_another_connection():
    made = sync()
    made.want(DesiredList(("a",)))
    told(made)
    assert not made.want(DesiredList(("a",)))
    assert not made.due
    made.forget(refusals=True)
    assert made.due
    assert told(made, 2) == "(2, 'a')"


def test_what_changes_while_it_is_told_is_told_next():
    made = sync()
    made.want(DesiredList(("a",)))
    made.begin(1)
    made.want(DesiredList(("b",)))
    made.taken()
    assert (len(made), made.due, made.complete) == (1, True, False)
    assert told(made, 2) == "(2, 'b')"


def test_a_list_that_is_too_long_leaves_the_last_good_one_without_what_has_gone():
    made = sync()
    made.want(DesiredList(("a", "b")))
    told(made)
    made.want(DesiredList(("b", "c", "d", "e", "f")))
    assert made.excess == "5 pods are more than the 4 that can be captured"
    assert told(made, 2) == "(2, 'b')"
    made.want(DesiredList(("b", "c")))
    assert made.excess == ""
    assert told(made, 3) == "(3, 'b', 'c')"


def test_without_a_good_list_nothing_is_told_of_one_that_is_too_long():
    made = sync()
    made.want(DesiredList(tuple("abcde")))
    assert not made.due
    assert made.excess != ""


def test_addresses_are_bounded_as_well():
    made = sync()
    made.want(DesiredList(("a",), API))
    told(made)
    made.want(DesiredList(("a",), API | {ip_address("192.0.2.2")}))
    assert made.excess != ""
    assert not made.due, "the last good list is in force"


def test_a_refused_list_is_not_told_again():
    made = sync()
    made.want(DesiredList(("a",)))
    told(made)
    made.want(DesiredList(("a", "b")))
    made.begin(2)
    made.refused()
    made.forget(refusals=False)
    assert made.excess == "the keeper has refused the list of pods"
    assert told(made, 3) == "(3, 'a')"
    assert made.refusals == 1
    made.forget(refusals=True)  # another keeper, maybe
    assert told(made, 4) == "(4, 'a', 'b')"


def test_a_refused_first_list_leaves_nothing_to_tell():
    made = sync()
    made.want(DesiredList(("a",)))
    made.begin(1)
    made.refused()
    made.forget(refusals=False)
    assert not made.due
    made.want(DesiredList(("b",)))
    assert made.due


def pod(uid, network=""):
    return Captured(Pod(uid, "default", (ip_address("10.0.0.1"),)), network)


def test_a_pod_with_a_new_network_goes_and_comes():
    made = sync(renewed_first)
    made.want(DesiredList((pod("a", "one"), pod("b"))))
    told(made)
    made.want(DesiredList((pod("a", "two"), pod("b"))))
    assert "uid='a'" not in told(made, 2)
    assert made.due
    assert "uid='a'" in told(made, 3)
    assert made.complete


def test_that_its_network_is_known_now_is_no_reason_to_go():
    assert renewed_first((pod("a"),), (pod("a", "one"),)) == (pod("a", "one"),)
    assert renewed_first((pod("a", "one"),), (pod("a"),)) == (pod("a"),)
    assert renewed_first((), (pod("a", "one"),)) == (pod("a", "one"),)


ITEMS = st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7).map(tuple)


class Telling(RuleBasedStateMachine):
    """A keeper that takes, refuses and goes away; what it holds never has anything that is not wanted."""

    def __init__(self):
        super().__init__()
        self.made = ListSync("pods", Limits(MOST), self._encode)
        self.held: tuple[str, ...] | None = None
        self.line: tuple[str, ...] = ()
        self.telling = False

    def _encode(self, _generation, items, _never):
        self.line = tuple(items)
        return b""

    @rule(items=ITEMS)
    def want(self, items):
        self.made.want(DesiredList(items))

    @precondition(lambda self: self.made.due and not self.telling)
    @rule()
    def tell(self):
        self.made.begin(1)
        assert set(self.line) <= set(self.made.wanted.items)
        assert len(self.line) <= MOST
        self.telling = True

    @precondition(lambda self: self.telling)
    @rule()
    def take(self):
        self.made.taken()
        self.held, self.telling = self.line, False

    @precondition(lambda self: self.telling)
    @rule()
    def refuse(self):
        self.made.refused()
        self.made.forget(refusals=False)
        self.held, self.telling = None, False

    @rule()
    def go_away(self):
        self.made.forget(refusals=True)
        self.held, self.telling = None, False

    @invariant()
    def what_is_not_due_is_in_force(self):
        wanted = self.made.wanted
        if wanted is None or self.telling or self.made.due:
            return
        if not self.made.excess:
            assert self.held == wanted.items
            assert self.made.complete
        elif self.held is not None:
            assert set(self.held) <= set(wanted.items)


Telling.TestCase.settings = examples(150, stateful_step_count=30)
TestTelling = Telling.TestCase
