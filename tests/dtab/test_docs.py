"""The examples of docs/dtab.md do what the page says."""

import doctest
import re
from pathlib import Path as File

PAGE = File(__file__).parents[2] / "docs" / "dtab.md"


def test_every_example_of_the_page() -> None:
    text = re.sub(r"^```.*$", "", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    results = runner.run(examples, out=report.append)
    assert results.attempted > 20
    assert not results.failed, "".join(report)
