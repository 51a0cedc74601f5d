from dtab import NEG, Bound, Leaf, Ok, Path
from dtab.symbolic import lookup


def test_names_of_namers_stand_for_themselves():
    path = Path.parse("/#/io.l5d.fs/hello/rest")
    assert lookup(path) == Ok(Leaf(Bound(path, Path.EMPTY, None)))


def test_some_can_be_told_not_to_exist():
    negative = [Path.parse("/#/io.l5d.fs/hello")]
    assert lookup(Path.parse("/#/io.l5d.fs/hello/rest"), negative) == Ok(NEG)
    assert lookup(Path.parse("/#/io.l5d.fs/other"), negative) != Ok(NEG)


def test_rewriting_namers_rewrite():
    assert lookup(Path.parse("/$/io.buoyant.http.anyMethod/GET/a")) == Ok(Leaf(Path.parse("/a")))


def test_all_else_is_negative():
    assert lookup(Path.parse("/svc/hello")) == Ok(NEG)
