"""The word of a pod counts before its namespace's; a word that is none is safe."""

import pytest

from noderouter.interception.control.selection import (
    KEY,
    UNCLEAR,
    SelectionMode,
    SelectionValue,
    selection_value,
    why_not_selected,
)

WORDS = {None: SelectionValue.UNSET, "enabled": SelectionValue.ENABLED, "disabled": SelectionValue.DISABLED}


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
    said = [selection_value({} if word is None else {KEY: word}) for word in (pod, namespace)]
    for selection, wanted in ((SelectionMode.OPT_OUT, opt_out), (SelectionMode.OPT_IN, opt_in)):
        assert (not why_not_selected(*said, selection)) is wanted


@pytest.mark.parametrize("word", ["", "Enabled", "true", "yes", " enabled"])
def test_other_words_are_unclear_and_that_is_said(word):
    choice = selection_value({KEY: word})
    assert choice is SelectionValue.UNCLEAR
    assert why_not_selected(choice, SelectionValue.ENABLED, SelectionMode.OPT_OUT).endswith(UNCLEAR)


@pytest.mark.parametrize("odd", [None, {}, {"other": "enabled"}, [], "enabled"])
def test_nothing_is_said(odd):
    assert selection_value(odd) is SelectionValue.UNSET
