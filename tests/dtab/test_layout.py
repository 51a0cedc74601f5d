import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Dtab, ParseError
from dtab.layout import lay_out
from tests.dtab.strategies import any_dtabs

blanks = st.text(alphabet=" \n\t", max_size=3)
comments = st.text(alphabet="#;=>/ab é", max_size=5).map(lambda text: f"#{text}\n")
gaps = st.lists(blanks | comments, max_size=3).map("".join)


@st.composite
def written_dtabs(draw: st.DrawFn) -> str:
    pieces = []
    for dentry in draw(any_dtabs):
        tree = dentry.dst.show().replace(" | ", f" {draw(gaps)}|")
        pieces.append(f"{draw(gaps)}{dentry.prefix.show()} {draw(gaps)}=>{draw(gaps)}{tree} {draw(gaps)}")
    return ";".join(pieces) + (draw(st.sampled_from(["", ";"])) if pieces else "") + draw(gaps)


@given(written_dtabs())
def test_the_meaning_stays_and_a_second_time_changes_nothing(text: str) -> None:
    laid_out = lay_out(text)
    assert Dtab.parse(laid_out) == Dtab.parse(text)
    assert lay_out(laid_out) == laid_out
    assert laid_out.count("#") >= text.count("\n#") // 2


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        ("", ""),
        (" \n\n", ""),
        ("/a=>/b", "/a => /b;\n"),
        ("/a=>/b|/c;/d=>.5*/e&~;", "/a => /b | /c;\n/d => 0.50*/e & ~;\n"),
        ("# only\r\n", "# only\n"),
        ("/a=>/b;/c=>/d # d", "/a => /b;\n/c => /d;  # d\n"),
        ("/a=>/b # b\n;/c=>/d; # d\n# end", "/a => /b;  # b\n/c => /d;  # d\n# end\n"),
        ("/a # one\n => # two\n /b", "# one\n# two\n/a => /b;\n"),
        ("\n\n# head\n\n\n/a=>/b;\n \n\n/c=>/d;\n/e=>/f", "# head\n\n/a => /b;\n\n/c => /d;\n/e => /f;\n"),
        ("/a=>/b;\n# below\n/c=>/d", "/a => /b;\n# below\n/c => /d;\n"),
    ],
)
def test_layouts(text: str, laid_out: str) -> None:
    assert lay_out(text) == laid_out


def test_errors_pass_through() -> None:
    with pytest.raises(ParseError):
        lay_out("/a")
