from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dtab import (
    EMPTY,
    FAIL,
    NEG,
    Alt,
    Answer,
    Bound,
    Delegation,
    Dentry,
    Dtab,
    Failed,
    Leaf,
    Limits,
    Lookup,
    NameTree,
    Ok,
    Path,
    Pending,
    Union,
    Weighted,
    bind,
    utility,
)
from dtab.binder import MAX_UNIONS
from dtab.delegation import Result
from dtab.index import Index
from dtab.limits import BASE, OVERRIDE
from tests.dtab.strategies import few_labels, few_paths, few_prefixes, trees, weights
from tests.dtab.test_dtab import scanned

TOO_DEEP = "Max recursion level: 100 reached in Namer lookup"


class TooMuch(Exception):
    """The naive evaluator has no limits of its own."""


def naive(dtab: Dtab, namers: Lookup, path: Path) -> Result:
    """The rules of docs/linkerd1.md section 1.5, and nothing else."""
    calls = 0

    def lookup(name: Path) -> Answer:
        tree = scanned(dtab, name)
        return namers(name) if tree is NEG else Ok(tree)

    def bound(tree: NameTree[Any], depth: int, weight: float | None) -> Result:
        nonlocal calls
        calls += 1
        if calls > 2_000:
            raise TooMuch
        if depth > 100:
            return Failed(TOO_DEEP)
        match tree:
            case Leaf(Path() as name):
                found = lookup(name)
                return bound(found.tree, depth + 1, weight) if isinstance(found, Ok) else found
            case Leaf(Bound(id, residual, addr) as leaf):
                return Ok(Leaf(leaf if weight is None else Bound(id, residual, addr, weight)))
            case Union(()) | Alt(()):
                return Ok(NEG)
            case Union((Weighted(share, only),)):
                return bound(only, depth, share)
            case Union(branches):
                results = [(one.weight, bound(one.tree, depth, one.weight)) for one in branches]
                good = [Weighted(share, result.tree) for share, result in results if isinstance(result, Ok)]
                failures = [result for _, result in results if isinstance(result, Failed)]
                return Ok(Union(tuple(good)).simplified) if good else failures[0] if failures else Pending()
            case Alt(options):
                for option in options:
                    result = bound(option, depth, weight)
                    if result != Ok(NEG):
                        return result
                return Ok(NEG)
            case _:
                return Ok(tree)

    return bound(Leaf(path), 0, None)


def leaf_trees(leaves: st.SearchStrategy[Leaf[Any]]) -> st.SearchStrategy[NameTree[Any]]:
    """Trees in which no union has another inside: how deep those nest is limited, see MAX_UNIONS."""
    alternatives = trees(few_paths, parsed=False, unions=False)
    flat = alternatives | leaves
    unions = st.lists(st.builds(Weighted, weights, flat), max_size=3).map(lambda all_of: Union(tuple(all_of)))
    return flat | unions | st.lists(flat | unions, max_size=3).map(lambda all_of: Alt(tuple(all_of)))


bound_leaves = st.builds(Bound, few_paths, few_paths, st.sampled_from(["one", "two"])).map(Leaf)
dtabs = st.lists(st.builds(Dentry, few_prefixes, leaf_trees(few_paths.map(Leaf))), max_size=6).map(Dtab)
answers = (
    st.just(Pending())
    | st.builds(Failed, st.sampled_from(["one", "two"]))
    | leaf_trees(bound_leaves).map(Ok)
    | bound_leaves.map(Ok)
)
namers = st.dictionaries(few_paths, answers, max_size=8)
names = st.lists(few_labels, min_size=1, max_size=3).map(lambda labels: Path(tuple(labels)))


def asking(table: dict[Path, Answer]) -> Lookup:
    return lambda path: table.get(path, Ok(NEG))


@given(dtabs, namers, names)
def test_is_what_a_naive_evaluator_finds(dtab: Dtab, table: dict[Path, Answer], path: Path) -> None:
    try:
        expected = naive(dtab, asking(table), path)
    except TooMuch:
        assume(False)
    delegation = bind(dtab, path, asking(table))
    assert delegation.result == expected
    explored = bind(dtab, path, asking(table), explore=True)
    assert explored.result == expected
    explored.json()


@given(dtabs, namers, names)
def test_a_result_has_no_alternatives(dtab: Dtab, table: dict[Path, Answer], path: Path) -> None:
    result = bind(dtab, path, asking(table)).result
    if isinstance(result, Ok):
        todo = [result.tree]
        while todo:
            tree = todo.pop()
            assert not isinstance(tree, Alt)
            todo.extend(tree.children)


class Namers:
    """Answers from a table of texts, and notes what it was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, path: Path) -> Answer:
        self.asked.append(path.show())
        name = path.labels[0].decode()
        if name in self.answers:
            return self.answers[name]
        return utility.lookup(path) or Ok(NEG)


def leaf(text: str, weight: float = 1.0) -> Leaf[Bound]:
    return Leaf(Bound(Path.parse(text), Path.EMPTY, text, weight))


def run(dtab: str, path: str, namers: Lookup | None = None, explore: bool = False) -> Result:
    return bind(Dtab.parse(dtab), Path.parse(path), namers or Namers(), explore=explore).result


X, Y = Ok(leaf("/x")), Ok(leaf("/y"))


@pytest.mark.parametrize(
    ("dtab", "result"),
    [
        ("", Ok(NEG)),
        ("/a=>/x", X),
        ("/a=>~", Ok(NEG)),
        ("/a=>!", Ok(FAIL)),
        ("/a=>$", Ok(EMPTY)),
        ("/a=>/b;/b=>/x", X),
        ("/a=>/x;/a=>/nothing", X),
        ("/a=>/x;/a=>~", X),
        ("/a=>/x;/a=>!", Ok(FAIL)),
        ("/a=>/x;/a=>$", Ok(EMPTY)),
        ("/a=>/x | /y", X),
        ("/a=>/nothing | /y", Y),
        ("/a=>/x;/a=>/wait", Pending()),
        ("/a=>/x;/a=>/broken", Failed("broken")),
        ("/a=>/wait | /x", Pending()),
        ("/a=>/broken | /x", Failed("broken")),
        ("/a=>/x & /wait", X),
        ("/a=>/wait & 3*/x & /broken", Ok(leaf("/x", 3.0))),
        ("/a=>/wait & /broken", Failed("broken")),
        ("/a=>/wait & /wait", Pending()),
        ("/a=>/wait & /nothing", Ok(NEG)),
        ("/a=>/wait & !", Ok(FAIL)),
        ("/a=>/nothing & !", Ok(NEG)),
        ("/a=>(/nothing & !) | /x", X),
        ("/a=>$ & ~", Ok(EMPTY)),
    ],
)
def test_rules(dtab: str, result: Result) -> None:
    namers = Namers(x=X, y=Y, wait=Pending(), broken=Failed("broken"))
    assert run(dtab, "/a", namers) == result
    assert run(dtab, "/a", namers, explore=True) == result


def test_unions_keep_their_weights_and_hand_them_to_endpoints() -> None:
    result = run("/a=>0.3*/x & 0.7*/y", "/a", Namers(x=X, y=Y))
    assert result == Ok(Union((Weighted(0.3, leaf("/x", 0.3)), Weighted(0.7, leaf("/y", 0.7)))))


def test_the_innermost_union_says_the_weight() -> None:
    result = run("/a=>2*/b & 3*/y;/b=>4*/x & 5*/y", "/a", Namers(x=X, y=Y))
    inner = Union((Weighted(4.0, leaf("/x", 4.0)), Weighted(5.0, leaf("/y", 5.0))))
    assert result == Ok(Union((Weighted(2.0, inner), Weighted(3.0, leaf("/y", 3.0)))))


def test_alternatives_are_tried_one_after_the_other() -> None:
    namers = Namers(x=X)
    run("/a=>/y;/a=>/nothing | /x | /z", "/a", namers)
    assert namers.asked == ["/nothing", "/x"]


def test_exploring_asks_for_all_of_them() -> None:
    namers = Namers(x=X)
    assert run("/a=>/y;/a=>/nothing | /x | /z", "/a", namers, explore=True) == X
    assert namers.asked == ["/nothing", "/x", "/z", "/y"]


def test_namers_are_asked_only_where_the_dtab_says_nothing() -> None:
    namers = Namers(a=X, b=X)
    assert run("/a=>~", "/a", namers) == X  # exactly Neg
    assert run("/b=>~ | ~", "/b", namers) == Ok(NEG)
    assert run("/b=>~;/b=>~", "/b", namers) == Ok(NEG)
    assert namers.asked == ["/a"]


def test_answers_are_bound_again() -> None:
    namers = Namers(rewrite=Ok(NameTree.parse("/nothing | 2*/b/x & ~")))
    dtab = "/a=>/rewrite/this;/b=>/$/inet/host/80"
    assert run(dtab, "/a", namers) == Ok(
        Leaf(Bound(Path.parse("/$/inet/host/80"), Path.of("x"), utility.Inet(("host",), 80), 2.0))
    )


def test_what_a_namer_says_of_residuals_is_kept() -> None:
    result = run("/svc=>/$/inet/host", "/svc/80/rest/of/it")
    assert isinstance(result, Ok)
    (bound,) = result.tree.leaves()
    assert (bound.id, bound.residual) == (Path.parse("/$/inet/host/80"), Path.parse("/rest/of/it"))


@pytest.mark.parametrize(
    "dtab", ["/a=>/a", "/a=>/a/x", "/a=>/b;/b=>/a", "/a=>/a | /x", "/a=>/$/io.buoyant.http.anyHost/h/a"]
)
@pytest.mark.parametrize("explore", [False, True])
def test_endless_rewriting_fails(dtab: str, explore: bool) -> None:
    assert run(dtab, "/a", Namers(x=X), explore) == Failed(TOO_DEEP)


def chain(length: int) -> str:
    return ";".join(f"/{number}=>/{number + 1}" for number in range(length))


@pytest.mark.parametrize("answer", [X, Ok(NEG)])
def test_a_hundred_lookups_in_a_row_are_allowed(answer: Result) -> None:
    assert run(chain(99), "/0", Namers(**{"99": answer})) == answer
    assert run(chain(100), "/0", Namers(**{"100": answer})) == Failed(TOO_DEEP)
    assert run(chain(101), "/0", Namers(**{"101": answer})) == Failed(TOO_DEEP)


def test_a_loop_in_one_branch_leaves_the_other() -> None:
    result = run("/a=>/a & /x", "/a", Namers(x=X))
    assert isinstance(result, Ok)
    assert result.tree.eval() == frozenset({Bound(Path.of("x"), Path.EMPTY, "/x", 1.0)})


@pytest.mark.parametrize(
    "dtab",
    [
        "/a=>/a & /a",
        "/a=>/a/x & /a/y",
        "/a=>" + " & ".join(["~"] * 200) + " | /a",
        "/a=>" + " & ".join(["/a"] * 5_000),
        "/=>/x;" * 5_000,
    ],
)
def test_steps_are_bounded(dtab: str) -> None:
    assert run(dtab, "/a") == Failed("Max steps: 10000 reached in Namer lookup")
    assert bind(Dtab.parse(dtab), Path.of("a"), Namers(), limits=Limits(steps=50)).result == Failed(
        "Max steps: 50 reached in Namer lookup"
    )


def test_exploring_may_run_out_of_steps_where_the_result_does_not() -> None:
    dtab = "/a=>/x | " + " | ".join(["/loop"] * 200) + ";/loop=>/loop"
    assert run(dtab, "/a", Namers(x=X)) == X
    assert run(dtab, "/a", Namers(x=X), explore=True) == X


def test_the_length_of_paths_is_bounded() -> None:
    assert run("/a=>/a" + "/x" * 600, "/a") == Failed("Max path length: 1000 labels reached in Namer lookup")


def work(dtab: str, path: str, limits: Limits = BASE) -> tuple[Delegation, int]:
    """A binding, and how many labels it copied and index nodes it visited: what a step must not hide."""
    table = Dtab.parse(dtab)
    copied = 0
    init, find = Path.__init__, Index.find

    def counted(self: Path, labels: tuple[bytes, ...] = ()) -> None:
        nonlocal copied
        copied += len(labels)
        init(self, labels)

    def searched(self: Index, labels: tuple[bytes, ...]) -> tuple[list[int], int]:
        nonlocal copied
        found, visited = find(self, labels)
        copied += visited
        return found, visited

    name = Path.parse(path)
    with patch.object(Path, "__init__", counted), patch.object(Index, "find", searched):
        delegation = bind(table, name, Namers(), limits=limits)
    return delegation, copied


@pytest.mark.parametrize(
    ("dtab", "path"),
    [
        ("/svc=>/svc/" + "/".join(["a"] * 900) + "&/svc/b", "/svc/x"),
        ("/svc=>/svc/a/a/a/a&/svc/b", "/svc/x"),
        (
            "/=>/&/;" + ";".join(f"/{a}/{b}/{c}/{d}/z=>/q" for a in "*a" for b in "*a" for c in "*a" for d in "*a"),
            "/a/a/a/a",
        ),
    ],
)
def test_copying_labels_and_searching_are_charged(dtab: str, path: str) -> None:
    delegation, copied = work(dtab, path)
    assert isinstance(delegation.result, Failed)
    assert copied < 200_000
    delegation, copied = work(dtab, path, OVERRIDE)
    assert isinstance(delegation.result, Failed)
    assert copied < 500 * 16 + 1000


def test_a_name_of_a_few_labels_is_rewritten_as_often_as_ever() -> None:
    """Up to seven labels a copy costs nothing but the step itself."""
    chain = ";".join(f"/{n}=>/{n + 1}" for n in range(90))
    assert run(f"{chain};/90=>/x", "/0/a/b/c/d/e", Namers(x=X)) == run("/0=>/x", "/0/a/b/c/d/e", Namers(x=X))
    assert bind(Dtab.parse(f"{chain};/90=>/x"), Path.parse("/0/a/b"), Namers(x=X), limits=OVERRIDE).result != Failed("")


def test_the_leaves_of_an_override_are_bounded() -> None:
    def leaves(count: int) -> Any:
        dtab = Dtab.parse("/a=>" + "&".join(["/x"] * count))
        return bind(dtab, Path.of("a"), Namers(x=X), limits=OVERRIDE).result

    assert isinstance(leaves(32), Ok)
    assert leaves(33) == Failed("Max leaves: 32 reached in Namer lookup")


def test_an_override_may_not_lengthen_names_without_end() -> None:
    dtab = Dtab.parse("/a=>/a" + "/x" * 40)
    assert bind(dtab, Path.of("a"), Namers(), limits=OVERRIDE).result == Failed(
        "Max path length: 64 labels reached in Namer lookup"
    )


def test_what_namers_are_asked_is_charged() -> None:
    """Long names cost them more, and each may open a watch."""
    asked: list[Path] = []

    def lookup(path: Path) -> Answer:
        asked.append(path)
        return Ok(NEG)

    for name, most in (("/a", 100), ("/a/" + "b" * 1024, 25)):
        asked.clear()
        bind(Dtab.parse("/a=>" + "|".join(f"/{n}" for n in range(120))), Path.parse(name), lookup, limits=OVERRIDE)
        assert 10 < len(asked) <= most


def test_the_nesting_of_unions_is_bounded() -> None:
    nested = "(/x & " * 99 + "/b" + ")" * 99
    assert isinstance(run(f"/a=>{nested};/b=>{nested.replace('/b', '/y')}", "/a", Namers(x=X, y=Y)), Ok)
    result = run(f"/a=>{nested.replace('/b', '/a')}", "/a", Namers(x=X))
    assert isinstance(result, Ok)
    assert _unions(result.tree) < MAX_UNIONS
    lonely = "(~ & " * 99 + "/a" + ")" * 99
    assert run(f"/a=>{lonely}", "/a") == Ok(NEG)


def _unions(tree: NameTree[Bound]) -> int:
    return 1 + max(map(_unions, tree.children)) if isinstance(tree, Union) else 0


def test_deep_parentheses_use_no_stack() -> None:
    nested = "(/nothing | " * 99 + "/a" + ")" * 99
    assert run(f"/a=>{nested}", "/a") in (Failed(TOO_DEEP), Failed("Max steps: 10000 reached in Namer lookup"))


def test_exceptions_of_a_lookup_pass_through() -> None:
    def broken(path: Path) -> Answer:
        raise LookupError(path)

    with pytest.raises(LookupError):
        run("/a=>/b | /c", "/a", broken)


K8S, RINET = "/#/io.l5d.k8s.http", "/$/io.buoyant.rinet"
MESH = """
    /ph  => /$/io.buoyant.rinet ;                     # /ph/80/google.com -> /$/io.buoyant.rinet/80/google.com
    /svc => /ph/80 ;
    /svc => /$/io.buoyant.porthostPfx/ph ;
    /k8s => /#/io.l5d.k8s.http ;
    /portNsSvc => /#/portNsSvcToK8s ;
    /host => /portNsSvc/http/default ;
    /host => /portNsSvc/http ;
    /svc => /$/io.buoyant.http.domainToPathPfx/host ;
"""


def mesh(services: set[str]) -> Lookup:
    """The namers of the service mesh example: Kubernetes with these services, and the rewriting namer."""

    def lookup(path: Path) -> Answer:
        if path.starts_with(Path.parse("/#/portNsSvcToK8s")):
            parts = path.labels[2:]
            return Ok(Leaf(Path((b"k8s", parts[1], parts[0], parts[2])))) if len(parts) >= 3 else Ok(NEG)
        if path.starts_with(Path.parse(K8S)):
            known = path.take(5).show() in services
            return Ok(Leaf(Bound(path.take(5), path.drop(5), "addr"))) if known else Ok(NEG)
        return utility.lookup(path) or Ok(NEG)

    return lookup


@pytest.mark.parametrize(
    ("name", "services", "bound"),
    [
        ("/svc/foo", {f"{K8S}/default/http/foo"}, f"{K8S}/default/http/foo"),
        ("/svc/foo", set(), f"{RINET}/80/foo"),
        ("/svc/foo.ns1", {f"{K8S}/ns1/http/foo"}, f"{K8S}/ns1/http/foo"),
        ("/svc/google.com:443", set(), f"{RINET}/443/google.com"),
        ("/svc/google.com", set(), f"{RINET}/80/google.com"),
    ],
)
def test_the_service_mesh_example(name: str, services: set[str], bound: str) -> None:
    result = run(MESH, name, mesh(services))
    assert isinstance(result, Ok)
    assert [one.id.show() for one in result.tree.leaves()] == [bound]


FS = "/svc=>/host;/host=>/srv;/srv=>/#/fs"


@pytest.mark.parametrize(
    ("dtab", "bound"),
    [
        (FS, ["/#/fs/world"]),
        (FS + ";/host/world=>/srv/v1", ["/#/fs/v1"]),
        (FS + ";/host/world=>/srv/v1;/host/world=>/srv/v2", ["/#/fs/v2"]),
        (FS + ";/svc=>/$/nil", []),
        ("/svc/*=>/#/fs/same", ["/#/fs/same"]),
    ],
)
def test_overriding(dtab: str, bound: list[str]) -> None:
    def lookup(path: Path) -> Answer:
        if path.labels[0] == b"#":
            return Ok(Leaf(Bound(path, Path.EMPTY, "addr")))
        return utility.lookup(path) or Ok(NEG)

    result = run(dtab, "/svc/world", lookup)
    assert isinstance(result, Ok)
    assert [one.id.show() for one in result.tree.leaves()] == bound
