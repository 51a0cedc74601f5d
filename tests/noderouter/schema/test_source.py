"""Offsets, excerpts and the bound on problems."""

from noderouter.schema.source import MOST_PROBLEMS, SHORTENED, Mark, Source


def test_positions_and_excerpts() -> None:
    source = Source("f", "é: 1\nlong: |\n  a\n  b\n")
    assert source.position(0) == (1, 1)
    assert source.position(3) == (1, 4)
    assert source.position(5) == (2, 1)
    assert source.excerpt(Mark(11, len(source.text))) == "| a b"
    assert Source("f", "x" * 200).excerpt(Mark(0, 200)) == "x" * SHORTENED + "..."


def test_a_more_exact_place_shows_its_line() -> None:
    source = Source("f", "d: |\n  /a => /b;\n  /c ! d")
    source.report(Mark(3, len(source.text)), "d", "wrong", at=source.text.index("!"))
    (problem,) = source.problems
    assert (problem.line, problem.column, problem.text) == (3, 6, "/c ! d")


def test_problems_beyond_a_bound_are_counted() -> None:
    source = Source("f", "x")
    for _ in range(MOST_PROBLEMS + 3):
        source.report(Mark(0, 1), "", "wrong")
    assert len(source.problems) == MOST_PROBLEMS
    assert source.unreported == 3
