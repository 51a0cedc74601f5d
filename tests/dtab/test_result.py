from dtab import Bound, Failed, Leaf, Ok, Path, Pending


def test_answers_are_values() -> None:
    assert Pending() == Pending()
    assert Failed("why") == Failed("why") != Failed("other")
    assert Ok(Leaf(Path.of("a"))) == Ok(Leaf(Path.of("a")))
    assert len({Pending(), Pending(), Failed("why"), Ok(Leaf(Path.of("a")))}) == 3


def test_a_bound_name_is_written_as_its_id() -> None:
    bound = Bound(Path.of("#", "a"), Path.of("rest"), addr=None)
    assert str(bound) == Leaf(bound).show() == "/#/a"
    assert bound.weight == 1.0
