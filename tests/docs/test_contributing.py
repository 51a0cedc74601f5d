"""What CONTRIBUTING.md and `make help` announce exists, and nothing is left out."""

import re
import tomllib

from tests.docs.guide import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests/README.md", ROOT / ".ci/run"]
INNER = {"help", "rows", "setup-bench", "setup-browser", "setup-newest", "setup-tlsmate"}
"""Verbs that others use."""


def verbs() -> set[str]:
    """The targets that are not files."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    return set(phony[1].split())


def test_every_verb_has_a_rule_and_a_line_of_help() -> None:
    rules = set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", MAKEFILE, re.MULTILINE))
    announced = re.findall(
        r'^\t@echo "([a-z0-9-]+) ', MAKEFILE.partition("\nhelp:")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert verbs() == rules
    assert sorted(announced) == sorted(verbs() - INNER)


def test_documents_name_verbs_that_exist() -> None:
    """In code, where a verb may be followed by a variable."""
    named = {
        verb
        for path in DOCUMENTS
        for verb in re.findall(r"(?:^|`|&& )make ([a-z][a-z0-9-]*)", path.read_text(), re.MULTILINE)
    }
    assert {"run", "test", "quick", "check"} <= named
    assert sorted(named - verbs()) == []


def test_the_markers_are_those_of_pytest() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("| marker |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [each.partition(":")[0] for each in settings]
