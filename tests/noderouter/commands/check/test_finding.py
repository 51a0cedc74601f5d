from noderouter.commands.check.finding import fail, failed, ok, warn


def test_lines():
    assert str(ok("a", "fine")) == "ok   a: fine"
    assert str(warn("a", "so so", "try")) == "warn a: so so\n     -> try"
    assert fail("a", "bad", "mend").json == {"status": "fail", "subject": "a", "words": "bad", "hint": "mend"}


def test_only_failures_fail():
    assert not failed([ok("a", ""), warn("b", "", "")])
    assert failed([ok("a", ""), fail("b", "", "")])
