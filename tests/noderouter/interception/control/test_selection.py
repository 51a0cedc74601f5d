"""The word of a pod counts before its namespace's; a word that is none is safe."""

import pytest

from noderouter.interception.control.selection import KEY, UNCLEAR, Choice, Selection, choice_in, direct_by_choice

WORDS = {None: Choice.UNSAID, "enabled": Choice.ENABLED, "disabled": Choice.DISABLED}


@pytest.mark.parametrize(
    ("pod", "namespace", "opt_out", "opt_in"),
    [
        (None, None, True, False),
        (None, "enabled", True, True),
        (None, "disabled", False, False),
        ("enabled", None, True, True),
        ("enabled", "disabled", True, True),
        ("enabled", "typo", True, True),
        ("disabled", None, False, False),
        ("disabled", "enabled", False, False),
        ("typo", "enabled", False, False),
        (None, "typo", False, False),
    ],
)
def test_who_is_captured(pod, namespace, opt_out, opt_in):
    said = [choice_in({} if word is None else {KEY: word}) for word in (pod, namespace)]
    for selection, wanted in ((Selection.OPT_OUT, opt_out), (Selection.OPT_IN, opt_in)):
        assert (not direct_by_choice(*said, selection)) is wanted


@pytest.mark.parametrize("word", ["", "Enabled", "true", "yes", " enabled"])
def test_other_words_are_unclear_and_that_is_said(word):
    choice = choice_in({KEY: word})
    assert choice is Choice.UNCLEAR
    assert direct_by_choice(choice, Choice.ENABLED, Selection.OPT_OUT).endswith(UNCLEAR)


@pytest.mark.parametrize("odd", [None, {}, {"other": "enabled"}, [], "enabled"])
def test_nothing_is_said(odd):
    assert choice_in(odd) is Choice.UNSAID
