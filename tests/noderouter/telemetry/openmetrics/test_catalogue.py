"""What the table promises: names by the rules, and no metric of the tree that nobody has thought of.

Covers `rows.py`.
"""

import re
from collections import Counter

from noderouter.telemetry.openmetrics.catalogue import PLACES, ROOTS, ROWS_OF, families
from noderouter.telemetry.openmetrics.family import Type


def test_names_are_unique_and_end_with_their_unit() -> None:
    found = list(families())
    assert [name for name, times in Counter(family.name for family in found).items() if times > 1] == []
    for family in found:
        assert re.fullmatch(r"noderouter_[a-z0-9]+(_[a-z0-9]+)*", family.name), family
        assert not re.search(r"_(total|count|sum|bucket|info|created|ms|milliseconds)$", family.name), family
        assert family.name.endswith(family.unit)
        assert family.unit in ("", "seconds", "bytes", "ratio")


def test_helps_are_sentences_that_need_no_escaping() -> None:
    for family in families():
        assert re.fullmatch(r"[A-Z][^\\\"\n]*[^.\\\"\n]", family.help), family


def test_every_family_has_the_labels_of_its_place() -> None:
    for place, found in ROWS_OF.items():
        for family in found:
            assert family.labels[: len(PLACES[place])] == PLACES[place]


def test_a_name_in_the_tree_is_a_label_unless_it_has_a_row_of_its_own() -> None:
    captured = ROOTS["server"].child("captured")
    assert captured is not None
    tls, probes = captured.child("tls"), captured.child("probes")
    assert tls is not None
    assert probes is not None
    assert (tls.label, probes.label) == ("protocol", "")
    assert tls.family is not None
    assert tls.family.type is Type.COUNTER
    assert ROOTS["client"].child("no such") is None


def test_milliseconds_become_seconds() -> None:
    node = ROOTS["client"].child("failure_accrual")
    assert node is not None
    ejected = node.child("removed_for_ms")
    assert ejected is not None
    assert ejected.family is not None
    assert (ejected.family.sample, ejected.factor) == ("noderouter_ejected_seconds_total", 0.001)
