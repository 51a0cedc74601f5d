"""The replica equals the API, whatever happens on the way: a machine that plays API, network and client."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from noderouter.kubernetes.errors import ApiError, MalformedAnswer
from noderouter.kubernetes.replica import Replica, is_newer
from tests.testing.api_store import Store
from tests.testing.examples import examples

PARTS = ("a", "b")
OBJECTS = ("1", "2")


def thing(part, name, value):
    return {"metadata": {"name": f"{part}-{name}", "labels": {"of": part}}, "value": value}


def part_of(each):
    return each["metadata"]["labels"]["of"]


class Machine(RuleBasedStateMachine):
    """A client with one watch; the API keeps every state that it ever had."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.states: dict[int, dict[str, object]] = {self.store.version: {}}
        self.changed: list[str] = []
        self.replica: Replica[object] = Replica(
            lambda each: (part_of(each), each["value"]), lambda part, _key: self.changed.append(part)
        )
        self.wanted = {"a"}
        self.watched: frozenset[str] = frozenset()
        self.position = 0
        self.generation = -1
        self.shown: dict[str, object] = {}
        self.reached: dict[str, int] = {}
        """The earliest version at which a part can be what it is in the replica."""

    # The API

    @rule(part=st.sampled_from(PARTS), name=st.sampled_from(OBJECTS), same=st.booleans())
    def put(self, part, name, same):
        """A change, or a new version of what is the same to us."""
        old = self.store.get("things", f"{part}-{name}")
        self.store.put("things", thing(part, name, old["value"] if same and old else self.store.version))
        self._remember()

    @rule(part=st.sampled_from(PARTS), name=st.sampled_from(OBJECTS))
    def delete(self, part, name):
        self.store.delete("things", f"{part}-{name}")
        self._remember()

    def _remember(self):
        now = {each["metadata"]["name"]: each["value"] for each in self.store.matching("things", lambda _each: True)}
        self.states[self.store.version] = now

    def state_at(self, version, part):
        """What there was of a part at a version."""
        known = max(each for each in self.states if each <= version)
        return {name: value for name, value in self.states[known].items() if name.startswith(part)}

    # The client

    @rule(back=st.integers(0, 5))
    def want_all(self, back):
        """Somebody needs everything, and it is listed while the watch goes on."""
        self.wanted.update(PARTS)
        self.list_missing(back, True)

    @rule(count=st.integers(1, 5))
    def go_on(self, count):
        """The watch is opened anew, and says something."""
        if self.replica.version:
            self.open_watch()
        if self.generation == self.replica.generation:
            self.events(count, False)

    @rule()
    def leave(self):
        self.wanted = {"a"}

    @rule(back=st.integers(0, 5), finish=st.booleans())
    def list_missing(self, back, finish):
        """A list of what is missing, from the cache of a server that may lag behind; it may break off, too."""
        parts = self.replica.missing(self.wanted)
        if not parts:
            return
        version = self.store.version
        if not self.replica.is_stale(parts):
            version = sorted(self.states)[max(0, len(self.states) - 1 - back)]
        listing = self.replica.listing(parts)
        for each in self._objects_at(version, parts):
            listing.add(each)
        if finish:
            listing.finish(str(version))

    def _objects_at(self, version, parts):
        found = {}
        for change in self.store.history:
            if change.version <= version:
                seen = change.new or change.old
                found.pop(seen["metadata"]["name"], None)
                if change.new is not None and part_of(change.new) in parts:
                    found[change.new["metadata"]["name"]] = change.new
        return found.values()

    @precondition(lambda self: self.replica.version)
    @rule()
    def open_watch(self):
        for part in [part for part in self.replica.known if part not in self.wanted]:
            self.replica.forget(part)
            self.reached.pop(part, None)
        if self.replica.version:
            self.watched = frozenset(self.replica.known)
            self.position = int(self.replica.version)
            self.generation = self.replica.generation

    @precondition(lambda self: self.generation == self.replica.generation)
    @rule(count=st.integers(1, 5), twice=st.booleans())
    def events(self, count, twice):
        for change in list(self.store.since(self.position, "things"))[:count]:
            self.position = change.version
            event = change.seen_by(lambda each: part_of(each) in self.watched)
            if event is not None:
                for _ in range(1 + twice):
                    self.replica.apply({"type": event[0], "object": event[1]})

    @precondition(lambda self: self.generation == self.replica.generation)
    @rule()
    def bookmark(self):
        if not list(self.store.since(self.position, "things")):
            self.position = self.store.version
            self.replica.apply({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.position)}}})

    @precondition(lambda self: self.generation == self.replica.generation)
    @rule(back=st.integers(1, 10))
    def an_event_of_the_past(self, back):
        if self.store.history:
            change = self.store.history[max(0, len(self.store.history) - 1 - back)]
            if change.version <= self.position and (event := change.seen_by(lambda _each: True)):
                self.replica.apply({"type": event[0], "object": event[1]})

    @precondition(lambda self: self.generation == self.replica.generation)
    @rule()
    def gone(self):
        error = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
        with pytest.raises(ApiError):
            self.replica.apply(error)

    # What holds

    def kept(self, part):
        return list(self.replica.of(part))

    @invariant()
    def every_part_is_as_it_once_was_and_never_goes_back(self):
        for part in {*self.replica.known, *self.reached}:
            now = self.kept(part)
            since = self.reached.get(part, 0)
            possible = [each for each in self.states if each >= since and now == list(self._sorted(each, part))]
            assert possible, part
            self.reached[part] = min(possible)

    @invariant()
    def changes_are_told(self):
        told, self.changed = set(self.changed), []
        for part in PARTS:
            now = (part in self.replica.known, self.kept(part))
            if part in self.replica.known and self.shown.get(part) != now:
                before = self.shown.get(part)
                if before is None or before[1] != now[1]:
                    assert part in told, part
            self.shown[part] = now

    def _sorted(self, version, part):
        state = self.state_at(version, part)
        return (state[name] for name in sorted(state))

    def teardown(self):
        """Left alone, it catches up."""
        self.list_missing(back=0, finish=True)
        if self.replica.version:
            self.open_watch()
            self.events(count=1_000_000, twice=False)
        for part in self.wanted:
            assert self.kept(part) == list(self._sorted(self.store.version, part)), part


Machine.TestCase.settings = examples(300, stateful_step_count=40)
TestReplica = Machine.TestCase


def object_at(version, name="x", **keys):
    return {"metadata": {"name": name, "resourceVersion": str(version)}, **keys}


def listed(*things, version):
    replica: Replica[object] = Replica(lambda each: ("*", each.get("value")), lambda _part, _key: None)
    listing = replica.listing(frozenset("*"))
    for each in things:
        listing.add(each)
    listing.finish(str(version))
    return replica


def test_an_object_that_is_known_in_this_version_is_not_looked_into_again():
    looked = []

    def project(each):
        looked.append(each)
        return "*", each["value"]

    replica: Replica[object] = Replica(project, lambda _part, _key: None)
    for _ in range(3):
        listing = replica.listing(frozenset("*"))
        listing.add(object_at(5, value=1))
        listing.finish("9")
        replica.expire()
    assert len(looked) == 1


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {"type": "ADDED"},
        {"type": "ADDED", "object": {}},
        {"type": "ADDED", "object": {"metadata": {"name": "x"}}},
        {"type": "ADDED", "object": {"metadata": {"resourceVersion": "7"}}},
        {"type": "NEWS", "object": object_at(7)},
    ],
)
def test_what_is_no_event_is_refused(event):
    replica = listed(object_at(5, value=1), version=6)
    with pytest.raises(MalformedAnswer):
        replica.apply(event)
    assert list(replica.of("*")) == [1]


def test_an_error_event_that_is_not_about_age_expires_nothing():
    replica = listed(object_at(5, value=1), version=6)
    with pytest.raises(ApiError) as caught:
        replica.apply({"type": "ERROR", "object": {"code": 500, "message": "etcd is unwell"}})
    assert caught.value.status == 500
    assert "etcd is unwell" in caught.value.reason
    assert replica.version == "6"


def test_versions():
    assert is_newer("10", "9")
    assert not is_newer("9", "10")
    assert not is_newer("9", "9")
    assert is_newer("abc", "9")  # no telling: it is believed
    assert is_newer("1" + "0" * 40, "9" * 40)


def parted():
    """A replica of the objects `a...` and `b...`; `a` was listed at 10."""
    replica: Replica[object] = Replica(lambda each: (each["metadata"]["name"][0], each["value"]), lambda *_: None)
    listing = replica.listing(frozenset("a"))
    listing.add(object_at(9, "a-1", value="nine"))
    listing.finish("10")
    return replica


def modified(version, name, value):
    return {"type": "MODIFIED", "object": object_at(version, name, value=value)}


def test_a_new_part_that_was_listed_in_the_past_takes_the_watch_back_but_not_the_others():
    replica = parted()
    replica.apply(modified(20, "a-1", "twenty"))
    generation = replica.generation
    listing = replica.listing(frozenset("b"))
    listing.add(object_at(11, "b-1", value="eleven"))
    listing.finish("15")
    assert replica.generation != generation  # the old watch knows nothing of `b`: it must not go on
    assert replica.version == "15"
    replica.apply(modified(16, "a-1", "sixteen"))
    replica.apply(modified(17, "b-1", "seventeen"))
    assert list(replica.of("a")) == ["twenty"]
    assert list(replica.of("b")) == ["seventeen"]
    replica.apply(modified(21, "a-1", "twenty-one"))
    assert list(replica.of("a")) == ["twenty-one"]


def test_a_new_part_that_was_listed_ahead_of_the_watch_waits_for_it():
    replica = parted()
    listing = replica.listing(frozenset("b"))
    listing.add(object_at(30, "b-1", value="thirty"))
    listing.finish("30")
    assert replica.version == "10"
    replica.apply(modified(12, "b-1", "twelve"))
    replica.apply(modified(13, "a-1", "thirteen"))
    assert list(replica.of("b")) == ["thirty"]
    assert list(replica.of("a")) == ["thirteen"]
