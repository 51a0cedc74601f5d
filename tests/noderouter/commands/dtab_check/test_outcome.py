"""Where names lead, from a binding and from the JSON of a delegation: the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Dtab, Path, bind
from dtab.symbolic import lookup
from noderouter.commands.dtab_check.outcome import Outcome, outcome_of, symbolic, tree_of

HELLO = Path.parse("/svc/hello")


def leads(text: str) -> Outcome:
    return symbolic(HELLO, Dtab.parse(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/svc => /#/fs", "/#/fs/hello"),
        ("/svc => /#/fs/a & /#/fs/b", "0.5 of /#/fs/a/hello, 0.5 of /#/fs/b/hello"),
        ("/svc => 9 * /#/fs/a & 1 * /#/fs/b", "0.9 of /#/fs/a/hello, 0.1 of /#/fs/b/hello"),
        ("/svc/hello => /#/a & (/#/b & /#/c)", "0.5 of /#/a, 0.25 of /#/b, 0.25 of /#/c"),
        ("/svc/hello => 0 * /#/a & 0 * /#/b", "0.5 of /#/a, 0.5 of /#/b"),
        ("/svc/hello => /#/a & /#/a", "/#/a"),
        ("/svc/hello => /#/a & $", "0.5 of /#/a, 0.5 of nowhere: without endpoints ($)"),
        ("/other => /#/a", "nowhere: no such name"),
        ("/svc/hello => !", "nowhere: it fails (!)"),
        ("/svc/hello => $", "nowhere: without endpoints ($)"),
        ("/svc/hello => /svc/hello", "nowhere: Max recursion level: 100 reached in Namer lookup"),
    ],
)
def test_in_words(text, shown):
    assert str(leads(text)) == shown


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("/svc => 9 * /#/a & 1 * /#/b", "/svc => 10 * /#/b & 90 * /#/a", True),
        ("/svc => 9 * /#/a & 1 * /#/b", "/svc => 8 * /#/a & 2 * /#/b", False),
        ("/svc => /#/a", "/x => /#/a ; /svc => /x | /#/b", True),
        ("/svc => /#/a", "/svc => /#/b", False),
        ("/svc => /#/a", "/svc => ~", False),
        ("/svc => ~", "/x => /y", True),
        ("/svc => !", "/svc => ~", False),
        ("/svc => /#/a & 0 * /#/b", "/svc => /#/a", True),
    ],
)
def test_what_is_the_same(one, two, same):
    assert leads(one).same(leads(two)) is same


trees = st.recursive(
    st.sampled_from(["/#/a", "/#/b", "/x", "/none", "~", "!", "$"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda each: "(" + " | ".join(each) + ")"),
        st.lists(st.tuples(st.integers(0, 9), inner), min_size=2, max_size=3).map(
            lambda each: "(" + " & ".join(f"{weight} * {tree}" for weight, tree in each) + ")"
        ),
    ),
    max_leaves=8,
)


@given(trees, trees)
def test_the_json_of_a_delegation_comes_to_the_same(one, two):
    dtab = Dtab.parse(f"/svc => {one} ; /x => /#/c ; /svc => {two}")
    delegation = bind(dtab, HELLO, lookup, explore=True)
    shown = outcome_of(tree_of(delegation.json(lambda _: {})))
    assert shown.same(symbolic(HELLO, dtab)), (str(shown), str(symbolic(HELLO, dtab)))


def test_what_transformers_changed_and_what_is_not_known():
    leaf = {"type": "leaf", "path": "/", "bound": {"id": "/#/a", "path": "/", "addr": {}}}
    assert str(outcome_of(tree_of({"type": "transformation", "tree": leaf}))) == "/#/a"
    assert str(outcome_of(tree_of({"type": "pending"}))) == "not known within two seconds"
    assert str(outcome_of(tree_of({"type": "exception", "message": "away"}))) == "nowhere: away"
    with pytest.raises(ValueError, match="unknown type 'new'"):
        tree_of({"type": "new"})
