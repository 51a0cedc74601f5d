"""What there is to complete, as plain values: read from the argument parsers, so that it is what the program takes."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dtab.cli import parser as dtab_parser
from noderouter.commands.dtab_check.command import parser as dtab_check_parser
from noderouter.interception.keeper.options import parser as intercept_parser

PROGRAM = "noderouter"


class Takes(Enum):
    """What stands behind an option, or as an argument."""

    NOTHING = "nothing"
    WORD = "word"
    """One of `choices`, or anything where there are none."""
    FILE = "file"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Option:
    """An option: how it is written, and what it takes."""

    names: tuple[str, ...]
    help: str
    takes: Takes
    choices: tuple[str, ...] = ()
    again: bool = False
    """Whether it may be given several times."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument without a name."""

    name: str
    takes: Takes
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of them."""

    path: tuple[str, ...]
    """Without the program: `("dtab", "lint")`."""
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    below: tuple["Command", ...] = ()


def commands(top: argparse.ArgumentParser, dtab_others: Mapping[str, str]) -> Command:
    """Return everything that `noderouter` understands: `top` is its parser; `dtab_others` as in `dtab.cli`."""
    groups = {
        ("dtab",): dtab_parser(f"{PROGRAM} dtab", dtab_others),
        ("dtab", "check"): dtab_check_parser(f"{PROGRAM} dtab check"),
        ("intercept",): intercept_parser(),
    }
    return _command((), top, "", groups)


def walk(command: Command) -> Iterator[Command]:
    """Yield a command and all below it."""
    yield command
    for each in command.below:
        yield from walk(each)


def one_line(text: str) -> str:
    """Return a help text as one line, as far as it says what something is."""
    return " ".join(text.replace("%%", "%").split())


def _command(
    path: tuple[str, ...],
    parser: argparse.ArgumentParser,
    words: str,
    groups: dict[tuple[str, ...], argparse.ArgumentParser],
) -> Command:
    parser = groups.get(path, parser)
    options: list[Option] = []
    arguments: list[Argument] = []
    below: list[Command] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help or "" for each in action._choices_actions}
            first = {id(inner): name for name, inner in reversed(action.choices.items())}
            below += [
                _command((*path, name), inner, one_line(helps.get(first[id(inner)], "")), groups)
                for name, inner in action.choices.items()
            ]
        elif action.option_strings:
            takes, choices = _takes(action)
            again = isinstance(action, argparse._AppendAction)
            options.append(Option(tuple(action.option_strings), one_line(action.help or ""), takes, choices, again))
        else:
            arguments.append(Argument(str(action.metavar or action.dest), *_takes(action)))
    return Command(path, words, tuple(options), tuple(arguments), tuple(below))


def _takes(action: argparse.Action) -> tuple[Takes, tuple[str, ...]]:
    """Return what an action takes: by its choices, its type, and the word that its help has for it."""
    if action.nargs == 0:
        return Takes.NOTHING, ()
    if action.choices is not None:
        return Takes.WORD, tuple(str(each) for each in action.choices)
    word = str(action.metavar or action.dest).upper()
    if word in ("DIRECTORY", "DIR"):
        return Takes.DIRECTORY, ()
    if action.type is Path or word in ("FILE", "CONFIG"):
        return Takes.FILE, ()
    return Takes.WORD, ()
