"""Each state of a ConfigMap, one after the other; no API is needed for that."""

from dataclasses import replace
from threading import get_ident

import pytest

from dtab import Dtab, Failed, Pending
from noderouter.kubernetes.state import Absent, Present, Unknown, Unreachable
from noderouter.naming.files.content import MAX_FILE_BYTES
from noderouter.naming.interpreter.stored import DTAB, StoredDtab
from noderouter.naming.stored.config_map import ConfigMapText
from noderouter.naming.stored.key import Key


class Loaded:
    """A dtab, and all that it had to say."""

    def __init__(self, log) -> None:
        self.log = log
        self.events = []
        self.hashes = []
        self.dtab = ConfigMapText(
            Key("mesh", "routes", "dtab"),
            StoredDtab("ConfigMap mesh/routes:dtab"),
            log,
            self.events.append,
            self.hashes.append,
        )
        self.version = 0

    @property
    def stored(self):
        return self.dtab.stored

    def load(self, text=None, **more) -> None:
        self.version += 1
        thing = {"metadata": {"name": "routes", "namespace": "mesh", "resourceVersion": str(self.version)}, **more}
        if text is not None:
            thing["data"] = {"dtab": text}
        self.dtab.load(Present(thing))

    @property
    def shown(self) -> str:
        value = self.stored.var.value
        return value.show() if isinstance(value, Dtab) else str(value)


@pytest.fixture
def loaded(log) -> Loaded:
    return Loaded(log)


def test_a_valid_text_is_in_effect(loaded, log):
    assert isinstance(loaded.stored.var.value, Pending)
    loaded.dtab.load(Unknown())
    assert isinstance(loaded.stored.var.value, Pending)
    loaded.load("/svc => /a ; # comment\n")
    assert loaded.shown == "/svc=>/a"
    assert log.events == ["dtab.loaded"]
    assert log.fields[0] == {
        "configmap": "mesh/routes:dtab",
        "resource_version": "1",
        "dentries": 1,
        "hash": DTAB.hash(Dtab.parse("/svc=>/a")),
    }
    assert loaded.events == []
    assert loaded.hashes == [loaded.stored.hash]


def test_an_invalid_text_changes_nothing_and_is_said_with_its_place(loaded, log):
    loaded.load("/svc => /a")
    version = loaded.stored.var.version
    loaded.load("/svc => /b ;\n/svc/x -> /y")
    assert (loaded.shown, loaded.stored.var.version) == ("/svc=>/a", version)
    assert log.events == ["dtab.loaded", "dtab.invalid"]
    assert log.fields[1]["kept_last_good"] is True
    (draft,) = loaded.events
    assert (draft.reason, draft.type) == ("DtabInvalid", "Warning")
    assert draft.message.startswith("key dtab, line 2, column 8: '=' expected but '-' found at ")
    assert draft.message.endswith(f"; the dtab with hash {loaded.stored.hash} stays in effect")
    assert draft.about["metadata"]["resourceVersion"] == "2"
    assert loaded.dtab.state()["error"].startswith("line 2, column 8")
    assert loaded.stored.refused == 1


def test_the_next_valid_text_recovers_and_says_so_once(loaded):
    loaded.load("nonsense")
    assert isinstance(loaded.stored.var.value, Failed)
    assert "ConfigMap mesh/routes:dtab: line 1, column 1" in loaded.stored.var.value.message
    loaded.load("/svc => /a")
    loaded.load("/svc => /b")
    assert loaded.shown == "/svc=>/b"
    assert [draft.reason for draft in loaded.events] == ["DtabInvalid", "DtabApplied"]
    assert loaded.events[1].type == "Normal"
    assert loaded.stored.last_error is None
    assert loaded.dtab.state()["error"] is None


def test_the_same_text_is_looked_at_once(loaded, log):
    for text in ("/svc => /a", "/svc => "):
        loaded.load(text)
        loaded.load(text, metadata={"labels": {"a": "b"}})
        loaded.load(text)
    assert log.events == ["dtab.loaded", "dtab.invalid"]
    assert len(loaded.events) == 1
    loaded.load("/svc => /a")
    loaded.load("/svc => ")
    assert [draft.reason for draft in loaded.events] == ["DtabInvalid", "DtabApplied", "DtabInvalid"]
    assert len({draft.key for draft in loaded.events}) == 3


def test_another_layout_is_no_change(loaded):
    loaded.load("/svc => /a")
    version = loaded.stored.var.version
    loaded.load("# moved\n/svc=>/a;\n")
    assert loaded.stored.var.version == version
    assert loaded.stored.applied == 1


def test_deleted_and_made_again(loaded, log):
    loaded.load("/svc => /a")
    loaded.dtab.load(Absent())
    loaded.dtab.load(Absent())
    assert loaded.shown == ""
    assert loaded.stored.hash == DTAB.hash(Dtab.EMPTY)
    assert log.events == ["dtab.loaded", "dtab.missing"]
    (draft,) = loaded.events
    assert (draft.reason, draft.type, draft.about["metadata"]["resourceVersion"]) == ("DtabMissing", "Warning", "1")
    assert draft.message.startswith("key dtab: the ConfigMap does not exist; an empty dtab is in effect")
    loaded.load("nonsense")
    assert loaded.shown == ""
    loaded.load("/svc => /a")
    assert loaded.shown == "/svc=>/a"
    assert [draft.reason for draft in loaded.events[1:]] == ["DtabInvalid", "DtabApplied"]


@pytest.mark.parametrize("more", [{}, {"data": None}, {"data": {"other": "/a => /b"}}])
def test_a_missing_key_is_like_a_missing_configmap(loaded, log, more):
    loaded.load("/svc => /a")
    loaded.load(**more)
    assert loaded.shown == ""
    assert log.events == ["dtab.loaded", "dtab.missing"]
    assert str(loaded.stored.last_error) == "the ConfigMap has no key 'dtab'"
    assert [draft.reason for draft in loaded.events] == ["DtabMissing"]
    loaded.load("/svc => /a")
    assert loaded.shown == "/svc=>/a"
    assert loaded.stored.last_error is None


def test_missing_from_the_start_is_an_empty_dtab(loaded, log):
    loaded.dtab.load(Absent())
    assert loaded.stored.var.value == Dtab.EMPTY
    assert log.fields[0]["reason"] == "the ConfigMap does not exist"
    assert loaded.events == [], "there is nothing to say it about"


def test_an_outage_before_the_first_answer_is_no_empty_dtab(loaded):
    loaded.dtab.load(Unreachable("connection refused"))
    assert loaded.stored.var.value == Failed("ConfigMap mesh/routes:dtab: connection refused")
    assert loaded.hashes == []
    loaded.load("/svc => /a")
    assert loaded.shown == "/svc=>/a"
    loaded.dtab.load(Unreachable("connection refused"))
    loaded.dtab.load(Unknown())
    assert loaded.shown == "/svc=>/a"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"binaryData": {"dtab": "/w=="}}, "not UTF-8"),
        ({"data": {"dtab": "#" * (MAX_FILE_BYTES + 1)}}, "larger than 512000 bytes"),
        ({"data": {"dtab": "/a => /\udcff"}}, "not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(loaded, keys, words):
    loaded.load("/svc => /a")
    loaded.load(**keys)
    assert loaded.shown == "/svc=>/a"
    assert words in str(loaded.stored.last_error)
    assert len(loaded.events) == 1


@pytest.mark.parametrize("text", ["/svc => /a ; #" + 10_000 * "x", "/svc -> /a ; #" + 10_000 * "x"])
async def test_a_long_text_is_read_once_and_in_a_thread(loaded, log, text):
    read_in = []

    def parse(found):
        read_in.append(get_ident())
        return DTAB.parse(found)

    loaded.dtab._language = replace(DTAB, parse=parse)
    thing = {"metadata": {"name": "routes", "resourceVersion": "1"}, "data": {"dtab": text}}
    for _ in range(2):  # the second time something else has changed
        await loaded.dtab.read(Present(thing))
        loaded.dtab.load(Present(thing))
    assert len(read_in) == 1
    assert get_ident() not in read_in
    assert len(log.events) == 1
    loaded.load("/svc => /b")
    assert (len(read_in), read_in[-1], loaded.shown) == (2, get_ident(), "/svc=>/b")


@pytest.mark.parametrize(
    "state", [Unknown(), Absent(), Unreachable("x"), Present({"metadata": {}, "data": {"dtab": 3}})]
)
async def test_of_anything_else_nothing_is_read_before(loaded, state):
    await loaded.dtab.read(state)
    assert loaded.dtab._read is None
