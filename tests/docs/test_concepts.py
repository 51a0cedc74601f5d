"""The table on docs/concepts.md does what the page says of it."""

import re

from dtab import NEG, Bound, Dtab, Leaf, Ok, Path, bind
from tests.docs.guide import ROOT

PAGE = (ROOT / "docs/concepts.md").read_text()
FILES = Path.parse("/#/io.l5d.fs")


def leads_to(name: str, files: set[bytes]) -> str:
    """What a name is bound to, where these files of addresses exist."""
    (table,) = re.findall(r"^```\n(/svc.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    def namer(path: Path) -> Ok:
        if path.starts_with(FILES) and path.labels[2] in files:
            return Ok(Leaf(Bound(path.take(3), path.drop(3), addr="...")))
        return Ok(NEG)

    result = bind(Dtab.parse(table), Path.parse(name), namer).result
    assert isinstance(result, Ok)
    found = result.tree.eval()
    return " ".join(sorted({bound.id.labels[-1].decode() for bound in found or ()}))


def test_a_service_is_a_file() -> None:
    assert leads_to("/svc/world", {b"world"}) == "world"
    assert leads_to("/svc/nobody", {b"world"}) == ""


def test_the_canary_falls_back() -> None:
    assert leads_to("/svc/hello", {b"hello-v1", b"hello-v2"}) == "hello-v1 hello-v2"
    assert leads_to("/svc/hello", {b"hello-v1"}) == "hello-v1"
