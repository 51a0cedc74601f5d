import pytest

from noderouter import __version__
from noderouter.commands.check import versions
from noderouter.commands.check.versions import check_versions, part


def test_what_runs_this_test_is_good_enough():
    lines = [str(line) for line in check_versions()]
    assert lines[0] == f"ok   noderouter: {__version__}"
    assert lines[1].startswith("ok   python: CPython 3.")


def test_an_old_python(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(versions, "OLDEST", (9, 0))
    assert str(list(check_versions())[1]).startswith("fail python: ")


def test_what_is_compiled():
    assert str(part("head parser", None)) == "ok   head parser: compiled"
    assert str(part("head parser", "pure Python")).startswith(
        "warn head parser: pure Python: it works, and takes more CPU\n"
    )
