from dtab import Dtab
from noderouter.naming.interpreter.stored import DTAB, StoredDtab
from noderouter.naming.stored.gauges import StoredGauges
from noderouter.naming.stored.text import TextError
from noderouter.telemetry.tree import MetricsTree


def shown(tree):
    return {"/".join(sample.path): sample.value for sample in tree.samples() if sample.path[:1] == ("rt",)}


def test_what_is_in_effect_and_how_often_that_changed():
    tree, stored = MetricsTree(), StoredDtab("here")
    gauges = StoredGauges(tree.scope("rt", "out", "interpreter"), stored, "dtab_")
    place = "rt/out/interpreter"
    before = shown(tree)
    assert before[f"{place}/dtab_in_effect"] == 0
    assert before[f"{place}/dtab_age_seconds"] == -1
    for text in ("/a => /b", "/a => /c; /d => /e"):
        dtab = Dtab.parse(text)
        stored.apply(dtab)
        gauges.update()
        hashes = [name for name in shown(tree) if "dtab_hash" in name]
        assert hashes == [f"{place}/dtab_hash/{DTAB.hash(dtab)}"]
    stored.refuse(TextError("wrong"))
    gauges.update()
    after = shown(tree)
    assert after[f"{place}/dtab_entries"] == 2
    assert (after[f"{place}/dtab_applied"], after[f"{place}/dtab_refused"]) == (2, 1)
    assert (after[f"{place}/dtab_in_effect"], after[f"{place}/dtab_refused_now"]) == (1, 1)
    assert 0 <= after[f"{place}/dtab_age_seconds"] < 60
    assert after[f"{place}/dtab_hash/{stored.hash}"] == 1
