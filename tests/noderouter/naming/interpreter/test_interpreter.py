import pytest

from dtab import FAIL, NEG, Bound, Dtab, Failed, Leaf, NameTree, Ok, Path, Pending
from noderouter.core.addr import AddrBound, Address
from noderouter.core.computed import Reading
from noderouter.core.readiness import Readiness
from noderouter.core.var import Var
from noderouter.naming.binding import Binding
from noderouter.naming.interpreter.interpreter import Interpreter, Sources, Stored
from noderouter.naming.lookup import Lookup, Namer
from noderouter.naming.transformer.localhost import Localhost
from noderouter.naming.transformer.replace import Replace
from noderouter.naming.utility import UtilityNamer


class Table(Namer):
    """Answers what the test says, one Var a name; what it does not know is Neg."""

    def __init__(self, prefix: str, **answers: Lookup) -> None:
        self.prefix = Path.parse(prefix)
        self.answers = {Path.of(name): Var[Lookup](answer) for name, answer in answers.items()}
        self.asked: list[str] = []

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        self.asked.append(path.show())
        var = self.answers.get(path)
        return Ok(NEG) if var is None else reading.read(var)

    def names(self) -> list[Path]:
        return [self.prefix + path for path in self.answers]


def bound(name: str, addr: object = None) -> Ok[NameTree[Path | Bound]]:
    return Ok(Leaf(Bound(Path.parse(name), Path.EMPTY, addr)))


def paths(text: str) -> Ok[NameTree[Path | Bound]]:
    return Ok(NameTree.parse(text))


@pytest.fixture
async def utility(runtime) -> UtilityNamer:
    return UtilityNamer(runtime.resolver)


def result_of(interpreter: Interpreter, name: str, local: str | None = None):
    dtab = None if local is None else Dtab.parse(local)
    return Binding(Path.parse(name), dtab, interpreter.bind).result


def ids(result) -> list[str]:
    assert isinstance(result, Ok), result
    return [leaf.id.show() for leaf in result.tree.leaves()]


async def test_stored_then_router_then_local_the_later_the_stronger(utility):
    router, stored = Var(Dtab.EMPTY), Var[Stored](Dtab.parse("/svc => /$/inet/1"))
    interpreter = Interpreter(Sources(router, [], utility), stored)
    assert ids(result_of(interpreter, "/svc")) == ["/$/inet/1"]
    router.set(Dtab.parse("/svc => /$/inet/2"))
    assert ids(result_of(interpreter, "/svc")) == ["/$/inet/2"]
    assert ids(result_of(interpreter, "/svc", "/svc => /$/inet/3")) == ["/$/inet/3"]
    assert ids(result_of(interpreter, "/svc", "/svc => ~")) == ["/$/inet/2"]
    stored.set(Dtab.parse("/x => /$/inet/4"))
    assert ids(result_of(interpreter, "/svc", "/svc => /x")) == ["/$/inet/4"]


@pytest.mark.parametrize("trouble", [Pending(), Failed("no dtab")])
async def test_trouble_with_the_stored_dtab_is_the_result(utility, trouble):
    interpreter = Interpreter(Sources(Var(Dtab.parse("/svc => /$/inet/1")), [], utility), Var(trouble))
    assert result_of(interpreter, "/svc") == trouble
    assert result_of(interpreter, "/svc", "/svc => /$/inet/2") == trouble


async def test_namers_are_asked_from_the_last_and_neg_falls_to_the_next(utility):
    first = Table("/#/a", both=bound("/#/a/both"), one=bound("/#/a/one"))
    second = Table("/#/a", both=bound("/#/a/second"), failing=Failed("broken"), stop=Ok(FAIL), slow=Pending())
    third = Table("/#/b")
    interpreter = Interpreter(Sources(Var(Dtab.EMPTY), [first, second, third], utility), Var(Dtab.EMPTY))
    assert ids(result_of(interpreter, "/#/a/both")) == ["/#/a/second"]
    assert ids(result_of(interpreter, "/#/a/one")) == ["/#/a/one"]
    assert result_of(interpreter, "/#/a/failing") == Failed("broken")
    assert result_of(interpreter, "/#/a/slow") == Pending()
    assert result_of(interpreter, "/#/a/stop") == Ok(FAIL)
    assert first.asked == ["/one"]
    assert third.asked == []
    for unknown in ("/#/a/none", "/#/c/one", "/#", "/svc/x", "/"):
        assert result_of(interpreter, unknown) == Ok(NEG)
    assert isinstance(result_of(interpreter, "/$/none"), Failed)


async def test_a_rewriting_namer_goes_through_the_whole_dtab_again(utility):
    namer = Table("/#/rewrite", x=paths("/y | /z"))
    dtab = Dtab.parse("/svc => /#/rewrite; /z => /$/inet/1")
    interpreter = Interpreter(Sources(Var(dtab), [namer], utility), Var(Dtab.EMPTY))
    assert ids(result_of(interpreter, "/svc/x")) == ["/$/inet/1"]


async def test_a_binding_follows_dtab_and_namers_without_being_told(utility):
    namer = Table("/#/a", web=bound("/#/a/web"))
    router = Var(Dtab.parse("/svc => /#/a | /$/inet/1"))
    interpreter = Interpreter(Sources(router, [namer], utility), Var(Dtab.EMPTY))
    binding = Binding(Path.parse("/svc/web"), None, interpreter.bind)
    binding.hold()
    assert ids(binding.result) == ["/#/a/web"]
    namer.answers[Path.of("web")].set(Ok(NEG))
    assert ids(binding.result) == ["/$/inet/1"]
    router.set(Dtab.parse("/svc => /$/inet/2"))
    assert ids(binding.result) == ["/$/inet/2"]
    assert [var.holders for var in namer.answers.values()] == [0]
    binding.release()
    assert router.holders == 0


async def test_transformers_change_results(utility, runtime):
    here = Var(AddrBound(frozenset({Address("127.0.0.1", 80), Address("192.0.2.1", 80)})))
    namer = Table("/#/a", web=bound("/#/a/web", here))
    localhost = Localhost(kind="io.l5d.localhost").build(runtime)
    replace = Replace(kind="io.l5d.replace", path=Path.parse("/$/inet/9")).build(runtime)
    sources = Sources(Var(Dtab.parse("/svc => /#/a")), [namer], utility)
    interpreter = Interpreter(sources, Var(Dtab.EMPTY), (localhost,))
    result = result_of(interpreter, "/svc/web")
    assert ids(result) == ["/%/io.l5d.localhost/#/a/web"]
    assert [leaf.addr.value.addresses for leaf in result.tree.leaves()] == [{Address("127.0.0.1", 80)}]
    both = Interpreter(sources, Var(Dtab.EMPTY), (localhost, replace))
    assert ids(result_of(both, "/svc/web")) == ["/%/io.l5d.replace/$/inet/9"]
    assert result_of(both, "/svc/none") == Ok(NEG)


async def test_names_are_those_of_all_namers(utility):
    namers = [Table("/#/a", x=bound("/#/a/x")), Table("/#/b", y=bound("/#/b/y"))]
    interpreter = Interpreter(Sources(Var(Dtab.EMPTY), namers, utility), Var(Dtab.EMPTY))
    assert [name.show() for name in interpreter.names()] == ["/#/b/y", "/#/a/x"]
    assert interpreter.state() == {}


@pytest.mark.parametrize(
    ("stored", "ready", "words"),
    [
        (Dtab.parse("/a => /b"), True, "dtab of 2 entries in effect"),
        (Pending(), False, "no dtab yet"),
        (Failed("broken"), False, "no dtab: broken"),
    ],
)
async def test_it_is_ready_when_there_is_a_dtab(utility, stored, ready, words):
    interpreter = Interpreter(Sources(Var(Dtab.parse("/c => /d")), [], utility), Var(stored))
    assert interpreter.readiness() == Readiness(ready, words)
    assert interpreter.stored_dtab() == (stored if ready else None)


async def test_ten_thousand_dentries_are_joined_once(utility, monkeypatch):
    joins = []
    genuine = Dtab.__add__
    monkeypatch.setattr(Dtab, "__add__", lambda self, other: (joins.append(1), genuine(self, other))[1])
    big = Dtab.parse(";".join(f"/svc/{number} => /$/inet/{number}" for number in range(1, 10_000)))
    interpreter = Interpreter(Sources(Var(Dtab.parse("/x => /y")), [], utility), Var(big))
    bindings = [Binding(Path.parse(f"/svc/{number}"), None, interpreter.bind) for number in range(1, 50)]
    for number, binding in enumerate(bindings, start=1):
        binding.hold()
        assert ids(binding.result) == [f"/$/inet/{number}"]
    assert len(joins) == 1
    for binding in bindings:
        binding.release()
