import pytest
from pydantic import ValidationError

from dtab import NEG, Failed, Leaf, Ok, Path
from noderouter.core.addr import OPERATOR, AddrBound, Address, gateway
from noderouter.core.computed import Reading
from noderouter.naming.lookup import Namer
from noderouter.naming.namer.kind import NamerKind, TransformedNamer
from noderouter.schema.kind import kind_field, kinds_in

FIELD = kind_field(NamerKind, "noderouter.naming.namer")


def test_the_kinds_that_need_no_kubernetes_are_there():
    assert {"io.l5d.fs", "io.l5d.rewrite"} <= set(kinds_in("noderouter.naming.namer", NamerKind))


def test_the_prefix_is_the_kind_unless_it_is_given():
    assert FIELD.validate({"kind": "io.l5d.fs", "rootDir": "/x"}).full_prefix.show() == "/#/io.l5d.fs"
    assert FIELD.validate({"kind": "io.l5d.fs", "rootDir": "/x", "prefix": "/a/b"}).full_prefix.show() == "/#/a/b"
    with pytest.raises(ValidationError):
        FIELD.validate({"kind": "io.l5d.fs", "rootDir": "/x", "prefix": "a"})


class Answers(Namer):
    """A namer with one answer."""

    prefix = Path.of("#", "test")

    def __init__(self, answer) -> None:
        self.answer = answer

    def lookup(self, path, reading):
        return self.answer

    def names(self):
        return [self.prefix + Path.of("web")]

    def state(self):
        return {"a": 1}


async def test_transformers_change_bound_answers_in_order(runtime, tmp_path):
    (tmp_path / "web").write_text("127.0.0.1 80\n192.0.2.1 80")
    transformers = [{"kind": "io.l5d.localhost"}, {"kind": "io.l5d.port", "port": 4141}]
    kind = FIELD.validate({"kind": "io.l5d.fs", "rootDir": str(tmp_path), "transformers": transformers})
    namer = kind.build(runtime)
    reading = Reading()
    answer = namer.lookup(Path.of("web"), reading)
    assert isinstance(answer, Ok)
    (bound,) = answer.tree.leaves()
    assert bound.id.show() == "/%/io.l5d.port/4141/%/io.l5d.localhost/#/io.l5d.fs/web"
    reading.keep(bound.addr)
    assert bound.addr.value == AddrBound(frozenset({gateway(Address("127.0.0.1", 4141, origin=OPERATOR))}))
    assert (namer.prefix, namer.names()) == (kind.full_prefix, [Path.parse("/#/io.l5d.fs/web")])
    assert namer.state()["rootDir"] == str(tmp_path)
    reading.release()


@pytest.mark.parametrize("answer", [Failed("x"), Ok(Leaf(Path.of("again")))])
async def test_answers_that_are_not_bound_are_left_alone(runtime, answer):
    kind = FIELD.validate({"kind": "io.l5d.fs", "rootDir": "/x", "transformers": [{"kind": "io.l5d.localhost"}]})
    transformers = tuple(one.build(runtime) for one in kind.transformers)
    namer = TransformedNamer(Answers(answer), transformers)
    assert namer.lookup(Path.EMPTY, Reading()) == answer


async def test_neg_can_be_answered_by_a_constant_transformer(runtime):
    constant = {"kind": "io.l5d.const", "path": "/$/inet/80"}
    kind = FIELD.validate({"kind": "io.l5d.fs", "rootDir": "/x", "transformers": [constant]})
    namer = TransformedNamer(Answers(Ok(NEG)), tuple(one.build(runtime) for one in kind.transformers))
    answer = namer.lookup(Path.EMPTY, Reading())
    assert isinstance(answer, Ok)
    assert [leaf.id.show() for leaf in answer.tree.leaves()] == ["/%/io.l5d.const/$/inet/80"]


def test_a_plain_namer_lists_nothing_and_has_no_state():
    class Plain(Namer):
        pass

    assert (Plain().names(), Plain().state()) == ([], {})
