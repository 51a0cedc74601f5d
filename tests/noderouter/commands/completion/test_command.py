"""Scripts for shells, tried in the shells themselves where these are there.

Covers `bash.py`, `zsh.py`, `fish.py`, `grammar.py`.
"""

import shutil
import subprocess

import pytest

from noderouter.cli import DTAB_OTHERS, parser
from noderouter.commands.completion import command
from noderouter.commands.completion.grammar import Takes, commands, walk


def script(shell):
    return command.script(shell, parser(), DTAB_OTHERS)


def run(shell, *arguments, given=None):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    return subprocess.run([shell, *arguments], input=given, capture_output=True, text=True, check=True).stdout


def test_everything_that_the_parsers_take_is_there():
    found = {" ".join(each.path): each for each in walk(commands(parser(), DTAB_OTHERS))}
    assert {"run", "tap", "requests", "dtab lint", "dtab check", "intercept wait", "completion"} <= set(found)
    view = next(each for each in found["top"].options if "--view" in each.names)
    assert (view.takes, "services" in view.choices) == (Takes.WORD, True)
    assert found["run"].arguments[0].takes is Takes.FILE
    for shell in ("bash", "zsh", "fish"):
        text = script(shell)
        assert [each for each in found if each.split()[-1:] and each.split()[-1] not in text] == []
        assert "{" + "_" not in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["to"], "top"),
        (["dtab", ""], "check format lint delegate"),
        (["top", "--view", "s"], "services"),
        (["top", "--view", "=", "o"], "overview"),
        (["tap", "--st"], "--status"),
        (["top", "--node", ""], ""),
        (["run", "ARCHI"], "ARCHITECTURE.md"),
        (["completion", ""], "bash zsh fish"),
    ],
)
def test_bash(words, expected):
    quoted = " ".join(f"'{word}'" for word in ("noderouter", *words))
    given = f'{script("bash")}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _noderouter; echo "${{COMPREPLY[*]}}"\n'
    assert run("bash", "--norc", given=given).strip() == expected


def test_zsh(tmp_path):
    file = tmp_path / "_noderouter"
    file.write_text(script("zsh"))
    run("zsh", "-f", "-n", str(file))


def test_fish(tmp_path):
    file = tmp_path / "noderouter.fish"
    file.write_text(script("fish"))
    for line, expected in (("noderouter dtab li", "lint"), ("noderouter top --view s", "services")):
        found = run("fish", "--no-config", "-c", f"source {file}; complete -C '{line}'")
        assert [each.partition("\t")[0] for each in found.splitlines()] == [expected]
