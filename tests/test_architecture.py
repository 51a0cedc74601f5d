"""ARCHITECTURE.md and the other documents say what is there; what the repository promises of itself holds."""

import ast
import os
import re
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)])
SOURCES = sorted([*(ROOT / "dtab").rglob("*.py"), *(ROOT / "noderouter").rglob("*.py")])

LONGEST = 400
IMPORTERS = {
    "pydantic": "noderouter/schema",
    "pydantic_core": "noderouter/schema",
    "yaml": "noderouter/schema",
    "hypercorn": "noderouter/admin",
    "h2": "noderouter/admin",
    "prometheus_client": "noderouter/telemetry",
    "structlog": "noderouter/telemetry",
    "httpx": "noderouter/kubernetes",
    "joserfc": "noderouter/tokens",
    "kubernetes": "noderouter/kubernetes",
}
"""Which package imports which library; the second half of what import-linter checks."""

COVERED = {
    "tests/docs/test_migration.py": "core/errors reactor/errors",
    "tests/e2e": "app control_plane naming/dns/gauges probe proxy/listener/gauges proxy/router/gauges",
    "tests/e2e/test_destinations.py": "core/destination",
    "tests/e2e/test_errors.py": "assembly/errors",
    "tests/e2e/test_loops.py": "assembly/client",
    "tests/e2e/test_tls.py": "assembly/tls proxy/listener/tls telemetry/tls",
    "tests/e2e/test_tls_client.py": "proxy/client/tls",
    "tests/noderouter/config": "schema/explain proxy/http/http2_keys proxy/http2/config proxy/retry/config",
    "tests/noderouter/assembly": (
        "assembly/capture assembly/diagnostic assembly/layer assembly/service assembly/surroundings assembly/tracing "
        "commands/explain proxy/http2/client_settings"
    ),
    "tests/e2e/test_tokens.py": "assembly/tokens core/claims",
    "tests/noderouter/commands/check": "kubernetes/needs schema/needs",
    "tests/noderouter/proxy/access_log": "telemetry/access_records",
    "tests/noderouter/core": "core/connection core/context",
    "tests/noderouter/interception/control": "core/client_namespaces kubernetes/collection",
    "tests/noderouter/interception/keeper": (
        "interception/keeper/errors interception/keeper/state interception/keeper/backend/nft_monitor"
    ),
    "tests/noderouter/kubernetes": "kubernetes/state",
    "tests/noderouter/naming/interpreter": (
        "core/readiness naming/lookup naming/stored/file naming/stored/last_good naming/stored/place "
        "naming/stored/stored naming/stored/text"
    ),
    "tests/noderouter/naming/namer": "naming/k8s_target",
    "tests/noderouter/proxy/balancer": "proxy/balancer/two_choices",
    "tests/noderouter/proxy/capture": (
        "proxy/capture/config proxy/capture/flow proxy/capture/flow_log proxy/capture/gauges proxy/capture/probe"
    ),
    "tests/noderouter/proxy/classifier": "proxy/classifier/verdicts proxy/http/methods",
    "tests/noderouter/core/test_var.py": "core/epoch",
    "tests/noderouter/proxy/client": ("assembly/router proxy/client/client proxy/client/settings proxy/transport"),
    "tests/noderouter/proxy/filter": "core/headers",
    "tests/noderouter/proxy/http1": (
        "core/body core/exchange core/message core/reply "
        "proxy/http1/body proxy/http1/head_pure proxy/http1/normalise proxy/http1/reply "
        "proxy/http1/request proxy/http1/server proxy/http1/server_settings proxy/http1/start_line proxy/http1/upstream"
    ),
    "tests/noderouter/proxy/http1/test_h2c.py": "proxy/http/h2c",
    "tests/noderouter/proxy/http2": "proxy/http/server_stats proxy/http/trailers proxy/http2/stream",
    "tests/noderouter/proxy/http2/test_extended_connect.py": "core/duplex proxy/http/upgrade proxy/tcp/duplex_relay",
    "tests/noderouter/proxy/identifier": "proxy/identifier/scoped proxy/identifier/token",
    "tests/noderouter/proxy/router": (
        "proxy/router/branches proxy/router/named proxy/router/route proxy/router/router"
    ),
    "tests/noderouter/proxy/tcp": "proxy/tcp/errors",
    "tests/noderouter/reactor": ("reactor/describe reactor/event reactor/isolate reactor/task reactor/timers"),
    "tests/noderouter/test_compiled.py": "_build",
}
"""Modules of `noderouter` without a test of their name, by where they are tested: values, glue, and parts of a whole.

A test that covers neighbours of its module as well says so itself: "Covers `name.py`" in its docstring.
"""

COMMON = ("/", "/tmp", "/home", "/opt", "/srv", "/usr", "/usr/src", "/var", "/var/tmp")
"""Folders that say nothing about a machine."""

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(r"([A-Z][A-Za-z0-9]*)\.([A-Za-z_]+)")
_COVERS = re.compile(r"^Covers ((?:`\w+\.py`(?:, )?)+)\.$", re.MULTILINE)
_PATH = re.compile(r"(?:noderouter|dtab|tests|benchmarks|docs)/[\w./-]*")
_NUMBER = r"\d+(?:\.\d+)*"
_PLACES = {
    "section": re.compile(rf"^#+ ({_NUMBER})\.? ", re.MULTILINE),
    "entry": re.compile(rf"^\| ({_NUMBER}) \|", re.MULTILINE),
}
"""What has a number in a document: its headings, its rows."""
_CITED = re.compile(rf"docs/([\w-]+\.md)`? (section|entry|entrie)s? ({_NUMBER}(?:(?:,|,? and| to) {_NUMBER})*)")
_ELSEWHERE = re.compile(r"spec" r" sections?\b|pain" r" points?\b", re.IGNORECASE)
"""How documents were cited that are not in the repository."""


@cache
def tree_of(path: Path) -> ast.Module:
    """What a file of ours says; several tests read them all."""
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """A document without its blocks of code."""
    return _FENCE.sub("", path.read_text())


def unwrapped(text: str) -> str:
    """A text in one line, without the signs that begin a line of a comment."""
    return re.sub(r"\s*\n[\s#]*|\s+", " ", text)


def cited_numbers(words: str) -> list[str]:
    """`2 and 3.1` are two, `2 to 5` are four."""
    found: list[str] = []
    for joint, number in re.findall(rf"(to )?({_NUMBER})", words):
        if joint and found[-1].isdigit() and number.isdigit():
            found += map(str, range(int(found[-1]) + 1, int(number)))
        found.append(number)
    return found


def tracked() -> list[Path]:
    """The files of the repository, as far as they are text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    paths = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


@cache
def defined() -> tuple[set[str], dict[str, set[str]]]:
    """Every function and class of the source, and the members of each class, inherited ones included."""
    names: set[str] = set()
    members: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                members[node.name] |= set(members_of(node))
                bases[node.name] |= {base.id for base in node.bases if isinstance(base, ast.Name)}
    for name in list(members):
        todo = list(bases[name])
        while todo:
            base = todo.pop()
            members[name] |= members.get(base, set())
            todo += bases.get(base, set())
    return names, members


def members_of(node: ast.ClassDef) -> list[str]:
    """Methods, annotated attributes, and what `self` is given."""
    found = []
    for inner in ast.walk(node):
        match inner:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.append(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.append(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                found.append(name)
    return found


# ARCHITECTURE.md


def test_it_is_short():
    assert ARCHITECTURE.count("\n") <= 200


@pytest.mark.parametrize(
    "path", sorted({found[0] for code in _CODE.findall(ARCHITECTURE) if (found := _PATH.match(code))})
)
def test_what_it_names_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in SOURCES if path.name == "__init__.py"}), ids=name_of
)
def test_every_package_is_named(package):
    assert f"`{name_of(package)}/`" in ARCHITECTURE


def test_the_functions_that_it_follows_a_request_through_exist():
    _, members = defined()
    named = {found.groups() for code in _CODE.findall(ARCHITECTURE) if (found := _MEMBER.fullmatch(code))}
    assert len(named) > 40
    missing = [f"{owner}.{member}" for owner, member in sorted(named) if member not in members.get(owner, ())]
    assert [name for name in missing if not (ROOT / name).is_file()] == []


def test_the_classes_and_functions_that_it_names_alone_exist():
    names, members = defined()
    words = {code for code in _CODE.findall(ARCHITECTURE) if re.fullmatch(r"[A-Z][a-z]\w+|[a-z]+_[a-z_]+", code)}
    assert sorted(words.difference(names, *members.values())) == []


# All documents


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_relative_links_lead_somewhere(document):
    for link in _LINK.findall(prose(document)):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, heading = link.partition("#")
        target = (document.parent / place).resolve() if place else document
        assert target.exists(), f"{name_of(document)}: {link}"
        if heading:
            assert heading in slugs(target), f"{name_of(document)}: {link}"


def slugs(document: Path) -> set[str]:
    """The names of headings in links, as GitHub and MyST make them."""
    kept = [re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(prose(document))]
    return {title.strip().replace(" ", "-") for title in kept}


def configurations() -> list[object]:
    """Every configuration in the documents: files, and blocks that have routers."""
    files = [pytest.param(path.read_text(), id=name_of(path)) for path in sorted((DOCS / "examples").rglob("*.yaml"))]
    blocks = [
        pytest.param(block, id=f"{name_of(document)}-{number}")
        for document in DOCUMENTS
        for number, block in enumerate(_YAML.findall(document.read_text()), start=1)
        if "routers:" in block
    ]
    return files + blocks


@pytest.mark.parametrize("text", configurations())
def test_configurations_are_valid(text):
    found = validate_text(text)
    problems = (
        []
        if isinstance(found, Config)
        else [problem for problem in found if "`servers` is missing" not in problem.message]
    )
    assert problems == []  # an excerpt may leave the listeners out


def test_every_path_to_a_test_or_a_module_exists():
    for document in DOCUMENTS:
        for code in _CODE.findall(prose(document)):
            if re.fullmatch(r"(?:tests|noderouter|dtab|benchmarks)/[\w./]+", code):
                assert (ROOT / code).exists(), f"{name_of(document)}: {code}"


def test_the_lessons_are_all_there():
    numbers = re.findall(r"^\| (\d+) \|", (DOCS / "lessons.md").read_text(), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 66)]


def test_what_is_cited_of_a_document_by_number_is_there():
    found = {(*each, name_of(path)) for path in tracked() for each in cited_in(path)}
    assert len(found) > 80
    there = {(page, place): numbers_of(DOCS / page, place) for page, place, _, _ in found}
    assert sorted(each for each in found if each[2] not in there[each[:2]]) == []


def cited_in(path: Path) -> set[tuple[str, str, str]]:
    """Page, section or entry, and number."""
    return {
        (page, "section" if word == "section" else "entry", number)
        for page, word, words in _CITED.findall(unwrapped(path.read_text(errors="replace")))
        for number in cited_numbers(words)
    }


def numbers_of(document: Path, place: str) -> set[str]:
    """Of its sections or entries; none where there is no such document."""
    return set(_PLACES[place].findall(prose(document))) if document.is_file() else set()


def test_the_sections_about_linkerd_are_those_that_are_cited():
    """And the ones they stand in; a section that nobody needs any more goes."""
    sources = [path for path in tracked() if path.suffix == ".py"]
    cited = {number for path in sources for page, _, number in cited_in(path) if page == "linkerd1.md"}
    cited |= {number.partition(".")[0] for number in cited}
    assert sorted(numbers_of(DOCS / "linkerd1.md", "section") - cited) == []


def test_nothing_is_cited_that_is_not_in_the_repository():
    texts = {name_of(path): unwrapped(path.read_text(errors="replace")) for path in tracked()}
    assert [f"{name}: {found[0]}" for name, text in texts.items() for found in _ELSEWHERE.finditer(text)] == []


def test_decisions_are_numbered_and_have_one_form():
    pages = sorted(path for path in (DOCS / "adr").glob("*.md") if path.name != "README.md")
    for number, page in enumerate(pages, start=1):
        text = page.read_text()
        assert page.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number}. ")
        assert _HEADING.findall(text)[1:] == ["Context", "Decision", "Consequences", "Considered"], page.name
        assert text.count("\n") <= 60, page.name


def test_the_errors_in_troubleshooting_are_those_of_the_source():
    """What `l5d-err` says is quoted in the first column of words of each table there."""
    source = "".join(path.read_text() for path in SOURCES)
    tables = re.findall(
        r"^\| (?:status \| )?`l5d-err` says.*?\n\n", prose(DOCS / "troubleshooting.md"), re.MULTILINE | re.DOTALL
    )
    quoted = {
        code
        for table in tables
        for row in table.splitlines()[2:]
        for code in _CODE.findall(re.sub(r"^\| (?:\d{3} \| )?", "", row).split(" | ")[0])
    }
    assert len(quoted) > 30
    assert sorted(code for code in quoted if code not in source) == []


# The repository


def test_no_source_file_is_long():
    files = [
        path
        for top in ("dtab", "noderouter")
        for path in (ROOT / top).rglob("*")
        if path.suffix in (".py", ".c", ".h", ".pyi")
    ]
    assert [name_of(path) for path in files if path.read_text().count("\n") > LONGEST] == []


def test_every_folder_of_sources_is_a_package():
    """What has no `__init__.py` works in a checkout, and is in no distribution and no image."""
    folders = {path.parent for path in SOURCES}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_every_module_has_its_test():
    """One of its name in the folder of its name, or one that says that it covers it, or a line of `COVERED`."""
    modules = {module_name(path) for path in SOURCES if path.is_relative_to(ROOT / "noderouter")} - {None}
    tested = {name for path in (ROOT / "tests/noderouter").rglob("test_*.py") for name in covered_by(path)}
    listed = [name for names in COVERED.values() for name in names.split()]
    assert sorted(modules - tested - set(listed)) == []
    assert sorted(set(listed) & tested) == [], "these have tests of their own by now"
    assert sorted(set(listed) - modules) == []
    assert len(listed) == len(set(listed))
    assert [place for place in COVERED if not (ROOT / place).exists()] == []


def module_name(path: Path) -> str | None:
    """`proxy/http1/body`; None for what makes a folder a package."""
    return None if path.name == "__init__.py" else path.relative_to(ROOT / "noderouter").with_suffix("").as_posix()


def covered_by(path: Path) -> list[str]:
    """The modules that a test is for: that of its name, and those of that folder that its docstring names."""
    folder = path.parent.relative_to(ROOT / "tests/noderouter")
    name = path.stem.removeprefix("test_")
    named = [code for found in _COVERS.findall(ast.get_docstring(tree_of(path)) or "") for code in _CODE.findall(found)]
    names = [name, f"_{name}", *(code.removesuffix(".py") for code in named)]
    return [(folder / each).as_posix() for each in names]


@pytest.mark.parametrize(("library", "package"), IMPORTERS.items())
def test_each_library_has_one_importer(library, package):
    for path in SOURCES:
        assert library not in imported_by(path) or name_of(path).startswith(f"{package}/"), name_of(path)


@cache
def imported_by(path: Path) -> frozenset[str]:
    """The packages that a file imports, wherever in it."""
    return frozenset(
        name.partition(".")[0]
        for node in ast.walk(tree_of(path))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    )


def test_every_folder_of_tests_is_on_their_map():
    """Those of the first two levels, in tests/README.md."""
    told = set(_CODE.findall((ROOT / "tests/README.md").read_text()))
    folders = {
        "/".join(path.relative_to(ROOT / "tests").parts[:-1][:depth]) + "/"
        for path in tracked()
        if path.is_relative_to(ROOT / "tests")
        for depth in (1, 2)
    }
    assert sorted(folders - told - {"/"}) == []
    assert [name for name in told if name.endswith("/") and not (ROOT / "tests" / name).is_dir()] == []


def test_no_fixture_asks_for_a_clock():
    """Then it would not be the clock of the test, which goes on waiting in earnest."""
    found = [
        f"{name_of(path)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if any("fixture" in ast.unparse(each).partition("(")[0] for each in node.decorator_list)
        if {"autojump_clock", "mock_clock"} & {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    ]
    assert found == []


def test_no_file_names_a_machine_or_a_registry():
    words = {place + "/" for place in (str(Path.home()), str(ROOT.parent), str(ROOT)) if place not in COMMON}
    words |= {"--index-" + "url", "--extra-index-" + "url", "pythonhosted." + "org"} | registry_hosts()
    texts = {name_of(path): path.read_text(errors="replace") for path in tracked()}
    assert [f"{name}: {word}" for name, text in texts.items() for word in sorted(words) if word in text] == []


def registry_hosts() -> set[str]:
    """Where this machine gets packages from, if its environment or pip's settings say so."""
    settings = [value for key, value in os.environ.items() if key.upper().endswith(("INDEX_URL", "REGISTRY", "_PROXY"))]
    for file in (Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf", Path("/etc/pip.conf")):
        settings += [file.read_text()] if file.is_file() else []
    hosts = {found[1] for text in settings for found in re.finditer(r"//(?:[^/@\s]*@)?([^/:\s]+)", text)}
    return hosts - {"localhost", "127.0.0.1"}
