import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import EMPTY, FAIL, NEG, Alt, Dentry, Dtab, Leaf, NameTree, ParseError, Path, Prefix, Union, Weighted
from dtab.grammar import MAX_NESTING, parse_dentries, parse_dentry
from tests.dtab.strategies import any_dtabs, any_paths, trees

A, B, C, D = (Leaf(Path.of(label)) for label in "abcd")


@given(trees(any_paths))
def test_trees_parse_as_they_were_shown(tree: NameTree[Path]) -> None:
    assert NameTree.parse(tree.show()) == tree


@given(any_dtabs)
def test_dtabs_parse_as_they_were_shown(dtab: Dtab) -> None:
    assert Dtab.parse(dtab.show()) == dtab


@given(st.text(alphabet="/ab*;=>|&!~$().0 \n#\\x"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        dtab = Dtab.parse(text)
    except ParseError:
        return
    assert Dtab.parse(dtab.show()) == dtab


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("/a", A),
        ("!", FAIL),
        ("~", NEG),
        ("$", EMPTY),
        ("/$/nil", Leaf(Path.of("$", "nil"))),
        ("/a | /b | /c", Alt((A, B, C))),
        ("/a & /b", Union((Weighted(1.0, A), Weighted(1.0, B)))),
        (
            "/a & /b | /c & /d",
            Alt((Union((Weighted(1.0, A), Weighted(1.0, B))), Union((Weighted(1.0, C), Weighted(1.0, D))))),
        ),
        ("/a & (/b | /c)", Union((Weighted(1.0, A), Weighted(1.0, Alt((B, C)))))),
        ("(/a | /b) | /c", Alt((Alt((A, B)), C))),
        ("3 * /a", A),
        ("((/a))", A),
        (" ( /a\n| # comment\n /b ) ", Alt((A, B))),
        (".5*/a & 0.5 * /b", Union((Weighted(0.5, A), Weighted(0.5, B)))),
        ("5. * /a & 0*!", Union((Weighted(5.0, A), Weighted(0.0, FAIL)))),
        ("2 # weight\n * # name\n /a & /b", Union((Weighted(2.0, A), Weighted(1.0, B)))),
        ("0.3*(/a & $)&~", Union((Weighted(0.3, Union((Weighted(1.0, A), Weighted(1.0, EMPTY)))), Weighted(1.0, NEG)))),
    ],
)
def test_trees(text: str, tree: NameTree[Path]) -> None:
    assert NameTree.parse(text) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "simple expected but end of input found at '[]'"),
        ("!&", "simple expected but end of input found at '!&[]'"),
        ("!|", "simple expected but end of input found at '!|[]'"),
        ("/a | | /b", "simple expected but '|' found at '/a | [|] /b'"),
        ("(/a", "')' expected but end of input found at '(/a[]'"),
        ("/a)", "end of input expected but ')' found at '/a[)]'"),
        ("()", "simple expected but ')' found at '([)]'"),
        ("/a /b", "end of input expected but '/' found at '/a [/]b'"),
        ("foo", "simple expected but 'f' found at '[f]oo'"),
    ],
)
def test_errors_in_trees(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        NameTree.parse(text)
    assert str(caught.value) == message


def test_nesting_is_bounded() -> None:
    assert NameTree.parse("(" * MAX_NESTING + "/a" + ")" * MAX_NESTING) == A
    with pytest.raises(ParseError) as caught:
        NameTree.parse("(" * 100_000)
    assert caught.value.expected == "at most 100 nested parentheses"
    assert caught.value.offset == MAX_NESTING


@pytest.mark.parametrize("text", ["", " ", "# nothing", "\n# a\n\n# b\n"])
def test_empty_dtabs(text: str) -> None:
    assert parse_dentries(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "/a=>/b;/c=>/d",
        "/a=>/b;/c=>/d;",
        " /a => /b ; \n /c\n=>\n/d ; \n",
        "# one\n/a # two\n => # three\n /b # four\n ; # five\n /c => /d # six",
    ],
)
def test_dtabs(text: str) -> None:
    assert Dtab.parse(text) == Dtab([Dentry(Prefix((b"a",)), B), Dentry(Prefix((b"c",)), D)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (";", "'/' expected but ';' found at '[;]'"),
        (";/a=>/b", "'/' expected but ';' found at '[;]/a=>/b'"),
        ("/a=>/b;;/c=>/d", "'/' expected but ';' found at '/a=>/b;[;]/c=>/d'"),
        ("/a=>/b;;", "'/' expected but ';' found at '/a=>/b;[;]'"),
        ("a=>b", "'/' expected but 'a' found at '[a]=>b'"),
        ("/a= >/b", "'>' expected but ' ' found at '/a=[ ]>/b'"),
        ("/a/b", "'=' expected but end of input found at '/a/b[]'"),
        ("/a=>/b /c=>/d", "end of input expected but '/' found at '/a=>/b [/]c=>/d'"),
        ("/a/=>/b", "label char expected but '=' found at '/a/[=]>/b'"),
        ("/a*=>/b", "'=' expected but '*' found at '/a[*]=>/b'"),
        ("/a=>/*", "end of input expected but '*' found at '/a=>/[*]'"),
        ("/a=>", "simple expected but end of input found at '/a=>[]'"),
    ],
)
def test_errors_in_dtabs(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        Dtab.parse(text)
    assert str(caught.value) == message


def test_dentries_know_where_they_stand() -> None:
    text = " /a => /b # c\n ; /c=>(/d)"
    assert [text[one.offset : one.end] for one in parse_dentries(text)] == ["/a => /b", "/c=>(/d)"]


def test_one_dentry() -> None:
    assert parse_dentry(" /a => /b # c").tree == B
    with pytest.raises(ParseError, match="end of input expected but ';' found"):
        parse_dentry("/a=>/b;")
