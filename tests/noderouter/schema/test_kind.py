"""`kind_field`: any kind of a role, found by its name, with errors where they belong."""

from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import ValidationError

from noderouter.schema import kind as kind_module
from noderouter.schema import linkerd_keys
from noderouter.schema.kind import Field, Kind, Model, Several, kind_field, kinds_in, models_in, nearest, role_of


class FruitKind(Kind):
    """A role."""

    experimental: bool = False


class Apple(FruitKind):
    kind_name: ClassVar[str] = "apple"

    seeds: Annotated[int, Field(ge=0)] = 5


class Basket(FruitKind):
    kind_name: ClassVar[str] = "basket"

    inner: Several[Annotated[FruitKind, kind_field(FruitKind, "fruit")]]


class Durian(FruitKind):
    kind_name: ClassVar[str] = "durian"
    needs_experimental: ClassVar[bool] = True


class Bowl(Model):
    fruit: Annotated[FruitKind, kind_field(FruitKind, "fruit")]
    usual: Annotated[FruitKind, kind_field(FruitKind, "fruit", "apple")] = Field(
        default_factory=kind_field(FruitKind, "fruit").maker("apple", seeds=1)
    )


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {cls.kind_name: cls for cls in (Apple, Basket, Durian)}
    monkeypatch.setattr(kind_module, "kinds_in", lambda package, base: found)


def errors(data: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        Bowl.model_validate(data)
    return [(error["loc"], error["msg"]) for error in caught.value.errors()]


def test_the_kind_key_chooses_the_class() -> None:
    bowl = Bowl.model_validate(
        {"fruit": {"kind": "basket", "inner": [{"kind": "apple"}, {"kind": "apple", "seeds": 2}]}}
    )
    assert isinstance(bowl.fruit, Basket)
    assert [fruit.seeds for fruit in bowl.fruit.inner if isinstance(fruit, Apple)] == [5, 2]


def test_a_default_is_made_and_a_missing_kind_is_the_default() -> None:
    bowl = Bowl.model_validate({"fruit": {"kind": "apple"}, "usual": {"seeds": 3}})
    assert bowl.usual == Apple(kind="apple", seeds=3)
    bowl = Bowl.model_validate({"fruit": {"kind": "apple"}})
    assert bowl.usual == Apple(kind="apple", seeds=1)


def test_an_instance_is_taken_as_it_is() -> None:
    apple = Apple(kind="apple")
    assert Bowl(fruit=apple).fruit is apple


def test_a_dump_shows_the_keys_of_the_subclass_and_loads_again() -> None:
    bowl = Bowl.model_validate({"fruit": {"kind": "basket", "inner": [{"kind": "apple", "seeds": 9}]}})
    shown = bowl.model_dump(mode="json")
    assert shown["fruit"]["inner"] == [{"kind": "apple", "experimental": False, "seeds": 9}]
    assert Bowl.model_validate(shown) == bowl


@pytest.mark.parametrize(
    ("fruit", "loc", "message"),
    [
        ({}, ("fruit", "kind"), "required key `kind` is missing; valid: apple, basket, durian"),
        ({"kind": None}, ("fruit", "kind"), "required key `kind` is missing; valid: apple, basket, durian"),
        ({"kind": 3}, ("fruit", "kind"), "`kind` must be text; valid: apple, basket, durian"),
        ({"kind": "appel"}, ("fruit", "kind"), "unknown fruit kind 'appel'; valid: apple, basket, durian"),
        ({"kind": "durian"}, ("fruit", "kind"), "durian is experimental; add `experimental: true` beside it to use it"),
        ("apple", ("fruit",), "expected keys and values with a `kind`"),
        ({"kind": "apple", "seeds": -1}, ("fruit", "seeds"), "Input should be greater than or equal to 0"),
        (
            {"kind": "basket", "inner": [{"kind": "apple"}, {"kind": "x"}]},
            ("fruit", "inner", 1, "kind"),
            "unknown fruit kind 'x'; valid: apple, basket, durian",
        ),
    ],
)
def test_errors_have_their_place(fruit: Any, loc: tuple[int | str, ...], message: str) -> None:
    assert errors({"fruit": fruit}) == [(loc, message)]


def test_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(ValidationError) as caught:
        Bowl.model_validate({"fruit": {"kind": "Bascet"}})
    assert caught.value.errors()[0]["ctx"]["hint"] == "basket"


def test_experimental_kinds_work_once_they_are_allowed() -> None:
    assert isinstance(Bowl.model_validate({"fruit": {"kind": "durian", "experimental": True}}).fruit, Durian)


def test_a_kind_that_linkerd_has_is_refused_until_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(linkerd_keys.KINDS, "fruit", {"melon": frozenset(), "apple": frozenset()})
    message = "fruit melon is known to Linkerd, not supported by noderouter yet"
    assert errors({"fruit": {"kind": "melon"}}) == [(("fruit", "kind"), message)]
    assert isinstance(Bowl.model_validate({"fruit": {"kind": "apple"}}).fruit, Apple)


def test_a_key_without_a_value_is_an_absent_key() -> None:
    assert Bowl.model_validate({"fruit": {"kind": "apple", "seeds": None}}).fruit == Apple(kind="apple", seeds=5)
    assert errors({"fruit": None}) == [(("fruit",), "Field required")]
    assert errors({"fruit": {"kind": "apple", "sedes": None}})[0][0] == ("fruit", "sedes")


def test_roles_are_named_after_their_base() -> None:
    assert role_of(Basket) == "fruit"
    assert role_of(FruitKind) == "fruit"


def test_nearest() -> None:
    assert nearest("dtabb", ["dtab", "label"]) == "dtab"
    assert nearest("DSTPREFIX", ["dstPrefix"]) == "dstPrefix"
    assert nearest("zzz", ["dtab"]) is None
    assert nearest("x" * 100_000, ["dtab"]) is None
    assert nearest(5, ["dtab"]) is None


def test_two_classes_of_one_name_are_a_mistake_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class OtherApple(FruitKind):
        kind_name: ClassVar[str] = "apple"

    module = ModuleType("module")
    vars(module).update(Apple=Apple, OtherApple=OtherApple, __path__=[])
    monkeypatch.setattr(kind_module, "import_module", lambda name: module)
    monkeypatch.setattr("pkgutil.iter_modules", lambda path: [SimpleNamespace(name="one")])
    with pytest.raises(TypeError, match="two classes claim the kind apple"):
        kinds_in("somewhere", FruitKind)


def test_the_models_inside_of_a_model():
    apples = Apple(kind="apple", seeds=1), Apple(kind="apple", seeds=2)
    basket = Basket.model_construct(
        kind="basket", inner=(apples[0], Basket.model_construct(kind="basket", inner=apples))
    )
    found = list(models_in(basket))
    assert [type(each).__name__ for each in found] == ["Basket", "Apple", "Basket", "Apple", "Apple"]
    assert [need for each in found for need in each.needs("here")] == []
    assert list(models_in("text")) == []
