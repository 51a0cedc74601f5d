import io
import json
import runpy
import sys
from pathlib import Path as File

import pytest

from dtab.cli import main

DTAB = "# names\n/srv => /#/io.l5d.fs;\n/svc=>/srv;\n"
LAID_OUT = "# names\n/srv => /#/io.l5d.fs;\n/svc => /srv;\n"


@pytest.fixture
def table(tmp_path: File) -> File:
    file = tmp_path / "table.dtab"
    file.write_text(DTAB)
    return file


def test_format_prints(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["format", str(table)]) == 0
    assert capsys.readouterr().out == LAID_OUT
    assert table.read_text() == DTAB


def test_format_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(DTAB))
    assert main(["format", "--write"]) == 0
    assert capsys.readouterr().out == LAID_OUT


def test_format_writes(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["format", "--check", str(table)]) == 1
    assert main(["format", "--write", str(table)]) == 0
    assert table.read_text() == LAID_OUT
    assert main(["format", "--check", str(table)]) == 0
    table.chmod(0o400)
    assert main(["format", "--write", str(table)]) == 0  # nothing to write
    assert capsys.readouterr().out == ""


def test_format_for_a_header(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["format", "--one-line", str(table)]) == 0
    assert capsys.readouterr().out == "/srv=>/#/io.l5d.fs;/svc=>/srv\n"


def test_lint(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(table)]) == 0
    assert main(["lint", str(table), "--namer", "/#/io.l5d.fs", "--namer", "/#/other"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["lint", str(table), "--namer", "/#/other"]) == 1
    assert capsys.readouterr().out == f"{table}:2:1: unknown-namer: no configured namer for /#/io.l5d.fs\n"


def test_lint_reports_syntax(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_text("/a => /b\n;;")
    assert main(["lint", str(table)]) == 1
    assert capsys.readouterr().out.startswith(f"{table}:2:2: syntax: '/' expected but ';' found at ")


def test_delegate(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delegate", "/svc/hello", "--dtab", str(table)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/svc/hello",
        "  /srv/hello  (/svc=>/srv)",
        "    /#/io.l5d.fs/hello  (/srv=>/#/io.l5d.fs)  is /#/io.l5d.fs/hello",
        "",
        "bound to /#/io.l5d.fs/hello",
    ]


def test_delegate_as_json(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delegate", "/srv/hello", "--json", "--dtab", str(table)]) == 0
    assert json.loads(capsys.readouterr().out)["delegate"]["bound"] == {
        "addr": {"type": "pending"},
        "id": "/#/io.l5d.fs/hello",
        "path": "/",
    }


@pytest.mark.parametrize("path", ["/svc/hello", "/other", "/$/nil", "/$/fail", "/$/unknown"])
def test_delegate_to_nothing(table: File, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delegate", path, "--neg", "/#/io.l5d.fs", "--dtab", str(table)]) == 1


def test_errors_in_the_text(table: File, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_text("/a => /b;\n/c")
    assert main(["delegate", "/a", "--dtab", str(table)]) == 2
    error = "'=' expected but end of input found at '/a => /b;\n/c[]'"
    assert capsys.readouterr().err == f"{table}:2:3: {error}\n"


def test_errors_of_files(tmp_path: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(tmp_path / "none")]) == 2
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert main(["lint", str(tmp_path / "bytes")]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path / 'none'}: No such file or directory\n{tmp_path / 'bytes'}: not UTF-8\n"
    )


def test_errors_in_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["delegate", "hello"], prog="noderouter dtab")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "usage: noderouter dtab delegate" in error
    assert "'/' expected but 'h' found at '[h]ello'" in error


def test_as_a_module(table: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["dtab", "format", "--check", str(table)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("dtab", run_name="__main__")
    assert caught.value.code == 1
