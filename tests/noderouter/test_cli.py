"""The command line, without starting anything that goes on (that is tests/e2e/test_process.py)."""

import gc
import json

import pytest

from noderouter import __version__
from noderouter.cli import main
from tests.testing.router import config


@pytest.fixture(autouse=True)
def _collector():
    """Starting switches the garbage collector off until the router is up."""
    yield
    gc.enable()


def write(path, text):
    path.write_text(text)
    return str(path)


def test_every_problem_of_a_configuration_is_said(tmp_path, capsys):
    file = write(
        tmp_path / "bad.yaml",
        "admin: {port: 0}\nrouters:\n- protocol: http\n  dtabb: /a => /b\n  servers: [{port: 70000}]\n"
        "  interpreter: {kind: io.l5d.nonsense}\n",
    )
    for command in ("run", "validate"):
        assert main([command, file]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        for words in ("dtabb", "70000", "io.l5d.nonsense", f"{file}:4:"):
            assert words in said.err


@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_missing_file_is_said(command, tmp_path, capsys):
    assert main([command, str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err


def test_validate(tmp_path, capsys):
    assert main(["validate", write(tmp_path / "good.json", json.dumps(config("/svc => /#/io.l5d.fs")))]) == 0
    assert "good.json: valid" in capsys.readouterr().out
    assert main(["validate", "--json", write(tmp_path / "bad.yaml", "routers: []\nroutes: 1\n")]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert len(json.loads(said.out)["problems"]) == 2


@pytest.mark.parametrize("arguments", [[], ["run"], ["nonsense"], ["demo", "--port", "x"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: noderouter" in capsys.readouterr().err


def test_a_log_level_that_does_not_exist(tmp_path, capsys):
    assert main(["run", "--log-level", "LOUD", str(tmp_path / "any")]) == 2
    assert "no such log level: LOUD" in capsys.readouterr().err


def test_version_says_which_head_parser_and_hpack_are_in_use(capsys):
    assert main(["version"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"noderouter {__version__}\ndata path: ")
    assert "\nhead parser: " in said
    assert "\nHPACK: " in said
    assert "trio " in said


def test_dtab_is_the_command_of_the_library(capsys, tmp_path):
    file = write(tmp_path / "dtab", "/svc=>/a|/b;")
    assert main(["dtab", "format", file]) == 0
    assert "/svc => /a | /b" in capsys.readouterr().out


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for command in ("run", "validate", "demo", "dtab", "version"):
        assert command in said
