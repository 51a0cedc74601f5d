"""Which of the two data paths is in use: the sources or what was compiled from them."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools import Distribution, Extension

from noderouter import _build, _compiled

ROOT = Path(__file__).parents[2]


def ask(expression: str, pure: str) -> str:
    """What another interpreter says, with `NODEROUTER_PURE` set to `pure`."""
    code = f"import noderouter._compiled as c, noderouter.core.exchange as e; print({expression})"
    environment = os.environ | {"NODEROUTER_PURE": pure}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_pure_means_sources():
    assert ask("c.compiled(), e.__file__.endswith('exchange.py')", "1") == "False True"
    assert "NODEROUTER_PURE is set" in ask("c.why_not()", "1")


def test_without_it_the_choice_is_left_to_the_interpreter():
    assert ask("c.SourceFinder in __import__('sys').meta_path, c.pure()", "") == "False False"
    assert ask("c.SourceFinder in __import__('sys').meta_path, c.pure()", "0") == "False False"
    assert "nothing was compiled" in ask("c.why_not()", "0")


def test_every_module_is_there():
    for name in _compiled.MODULES:
        assert ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file(), name


def test_what_is_tested_on_the_sources_only_executes_nothing_compiled():
    """But for the values that a head is parsed into, which `proxy/http1/test_head.py` covers on both."""
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    line = re.search(r"^SOURCES_ONLY := \$\(addprefix (\S+),(.+)\)$", makefile, re.MULTILINE)
    assert line
    places = [ROOT / line[1] / each for each in line[2].split()]
    files = [file for place in places for file in ([place] if place.suffix else place.glob("test_*.py"))]
    assert len(files) >= len(places)
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    # Without a C compiler there are no twins to compare, and modules of tests say so when they are imported.
    code = f"""
import sys, importlib, pytest
for name in {names}:
    try:
        importlib.import_module(name)
    except pytest.skip.Exception:
        pass
print(*sys.modules)
"""
    environment = os.environ | {"NODEROUTER_PURE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & set(_compiled.MODULES) <= {"noderouter.core.message"}


def awaits(statements):
    """Whether something is awaited in these."""
    return any(isinstance(node, ast.Await) for each in statements for node in ast.walk(each))


def bare(statements):
    """Whether what is being handled is raised again, without a name."""
    return any(isinstance(node, ast.Raise) and node.exc is None for each in statements for node in ast.walk(each))


@pytest.mark.parametrize("name", _compiled.MODULES)
def test_no_exception_that_is_being_handled_is_kept_over_an_await(name):
    """What was thrown into a task would be forgotten meanwhile, and the coroutine go on as if nothing had been."""
    tree = ast.parse(ROOT.joinpath(*name.split(".")).with_suffix(".py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            assert not awaits(node.finalbody), f"{name}: `await` in `finally`, line {node.lineno}"
            for handler in node.handlers:
                assert not (awaits(handler.body) and bare(handler.body)), f"{name}: line {handler.lineno}"


def test_nothing_else_is_found_by_it():
    assert _compiled.SourceFinder.find_spec("noderouter.cli", [str(ROOT / "noderouter")]) is None
    assert _compiled.SourceFinder.find_spec(_compiled.MODULES[0], ["/nowhere"]) is None


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Builds two extensions of these texts, as the data path, and answers which libraries there are then."""
    monkeypatch.chdir(tmp_path)

    def build(**texts):
        for name, text in texts.items():
            Path(f"{name}.c").write_text(text)
        made = [Extension(name, [f"{name}.c"], optional=True) for name in texts]
        monkeypatch.setattr(_build, "data_path", lambda: made)
        command = _build.BuildExt(Distribution({"name": "x"}))
        command.inplace = True
        command.ensure_finalized()
        command.run()
        return sorted(path.name.split(".")[0] for path in tmp_path.glob("*.so"))

    return build


MODULE = "#include <Python.h>\nPyMODINIT_FUNC PyInit_%s(void) { return NULL; }\n"


def test_what_compiles_is_kept(build):
    assert build(one=MODULE % "one", two=MODULE % "two") == ["one", "two"]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_each_compiler_is_given_what_it_knows(build, monkeypatch, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler} here")
    monkeypatch.setenv("CC", compiler)
    assert build(one=MODULE % "one") == ["one"]
    assert _build.is_gcc([compiler]) is (compiler == "gcc")
    assert not _build.is_gcc(["/nowhere"])


def test_where_one_does_not_compile_none_is_kept(build):
    assert build(one=MODULE % "one", two="this is not C") == []


def test_nothing_is_compiled_where_the_sources_are_wanted(monkeypatch):
    monkeypatch.setenv("NODEROUTER_PURE", "1")
    assert _build.data_path.__wrapped__() == []


def test_without_mypyc_nothing_is_compiled(monkeypatch):
    monkeypatch.setenv("NODEROUTER_PURE", "0")
    monkeypatch.setitem(sys.modules, "mypyc.build", None)
    assert _build.data_path.__wrapped__() == []
