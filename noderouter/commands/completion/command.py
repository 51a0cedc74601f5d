"""Which script `noderouter completion` prints."""

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from noderouter.commands.completion import bash, fish, zsh
from noderouter.commands.completion.grammar import Command, commands

SCRIPTS: Final[Mapping[str, Callable[[Command], str]]] = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}


def script(shell: str, top: argparse.ArgumentParser, dtab_others: Mapping[str, str]) -> str:
    """Return the script for a shell, `bash`, `zsh` or `fish`; the others as in `grammar.commands`."""
    return SCRIPTS[shell](commands(top, dtab_others))
