import pytest
from pydantic import ValidationError

from dtab import NEG, Leaf, Ok, Path
from noderouter.core.computed import Reading
from noderouter.naming.namer.rewrite import Rewrite


def make(**keys: str) -> Rewrite:
    return Rewrite(kind="io.l5d.rewrite", **{"prefix": "/short", "pattern": "/{a}/{b}", "name": "/x/{b}/{a}", **keys})


@pytest.mark.parametrize(
    ("pattern", "name", "path", "answer"),
    [
        ("/{port}/{ns}/{svc}", "/k8s/{ns}/{port}/{svc}", "/http/default/web", "/k8s/default/http/web"),
        ("/{port}/{ns}/{svc}", "/k8s/{ns}/{port}/{svc}", "/http/web", None),
        ("/one/two", "/success", "/one/two/three", "/success"),
        ("/one/*", "/success", "/one", None),
        ("/{x}.com", "/{x}", "/foo.com", "/foo"),
        ("/{x}.com", "/{x}", "/foo.com.evil", None),
        ("/{x}", "/host", "/\\x2f", "/host"),
        ("/{x}", "/a/{x}", "/\\x2f", "/a/\\x2f"),
        ("/{x}.com", "/{x}/y", "/.com", None),
        ("/{x}2f", "/a/{x}", "/\\x2f", None),
    ],
)
async def test_rewriting(runtime, pattern, name, path, answer):
    namer = make(pattern=pattern, name=name).build(runtime)
    expected = Ok(NEG) if answer is None else Ok(Leaf(Path.parse(answer)))
    assert namer.lookup(Path.parse(path), Reading()) == expected
    assert namer.prefix.show() == "/#/short"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prefix", "short"),
        ("pattern", "{a}"),
        ("pattern", "/{a"),
        ("pattern", "//"),
        ("name", "x"),
        ("name", "/{c}"),
        ("name", "/x//y"),
    ],
)
def test_keys_are_checked(key, value):
    with pytest.raises(ValidationError):
        make(**{key: value})


def test_all_keys_are_required_and_shown_again():
    kind = make()
    assert kind.model_dump(mode="json")["pattern"] == "/{a}/{b}"
    assert Rewrite(kind="io.l5d.rewrite", prefix="/x", pattern=kind.pattern, name="/y").pattern == kind.pattern
    with pytest.raises(ValidationError) as caught:
        Rewrite(kind="io.l5d.rewrite")
    assert {error["loc"] for error in caught.value.errors()} == {("prefix",), ("pattern",), ("name",)}
    with pytest.raises(ValidationError):
        make(pattern=5)
