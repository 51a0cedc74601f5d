"""Answers of the keeper: what it says comes across, whatever else comes is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.interception.control.replies import (
    Applied,
    Disarmed,
    KeeperError,
    Refused,
    State,
    Welcome,
    printable,
    read_answer,
)
from noderouter.interception.keeper.protocol import encode


@pytest.mark.parametrize(
    ("kind", "fields", "answer"),
    [
        ("welcome", {"backend": "nftables", "aliveMs": 2500}, Welcome("nftables", 2500)),
        (
            "welcome",
            {"backend": "nftables", "aliveMs": 2500, "leftOut": ["storage"]},
            Welcome("nftables", 2500, frozenset({"storage"})),
        ),
        ("applied", {"what": "pods", "generation": 3}, Applied(3, "")),
        ("applied", {"what": "pods", "generation": 3, "error": "cannot"}, Applied(3, "cannot")),
        ("state", {"armed": True, "why": ""}, State(armed=True, why="")),
        ("disarmed", {}, Disarmed("")),
        ("disarmed", {"error": "cannot"}, Disarmed("cannot")),
        ("state", {"armed": False, "why": "", "new": 1}, State(armed=False, why="")),
    ],
)
def test_what_it_says_comes_across(kind, fields, answer):
    assert read_answer(encode(kind, fields)) == answer


def test_a_refusal_has_its_words():
    with pytest.raises(Refused, match="another router is connected"):
        read_answer(encode("error", {"message": "another router is connected"}))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"HTTP/1.1 400 Bad Request",
        b"[]",
        b"7",
        b'{"type":"state","armed":true,"why":""}',
        b'{"v":2,"type":"state","armed":true,"why":""}',
        b'{"v":true,"type":"state","armed":true,"why":""}',
        b'{"v":1.0,"type":"state","armed":true,"why":""}',
        b'{"v":1,"type":"status"}',
        b'{"v":1,"type":["state"]}',
        b'{"v":1,"type":"state","armed":"yes","why":""}',
        b'{"v":1,"type":"state","armed":true,"why":7}',
        b'{"v":1,"type":"applied"}',
        b'{"v":1,"type":"applied","generation":-1}',
        b'{"v":1,"type":"applied","generation":true}',
        b'{"v":1,"type":"welcome","backend":"x","aliveMs":1e9}',
        b'{"v":1,"type":"welcome","backend":"x","aliveMs":1,"leftOut":"storage"}',
        b'{"v":1,"type":"welcome","backend":"x","aliveMs":1,"leftOut":[["storage"]]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_everything_else_is_refused(line):
    with pytest.raises(KeeperError):
        read_answer(line)


VALUES = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)), st.lists, max_leaves=4)
KEYS = st.sampled_from(["v", "type", "armed", "why", "generation", "error", "backend", "aliveMs", "leftOut", "message"])
TYPES = st.sampled_from(["state", "applied", "welcome", "disarmed", "error"])


@given(st.dictionaries(KEYS, VALUES, max_size=6), TYPES)
def test_nothing_else_is_ever_raised(value, kind):
    try:
        read_answer(json.dumps({"v": 1, "type": kind} | value).encode())
    except KeeperError:
        pass


@given(st.text())
def test_words_are_printable_and_short(words):
    shown = printable(words, 20)
    assert len(shown) <= 20
    assert shown == "" or shown.isprintable()
