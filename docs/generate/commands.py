"""The reference of commands, `docs/commands.md`, from the argument parsers themselves.

Said here is only what the parsers do not know: when a command ends, and with which exit code. Arguments, defaults and
choices are theirs, so the page cannot say what the program does not do.
"""

import argparse
from collections.abc import Iterator, Mapping
from typing import Final

from dtab.cli import parser as dtab_parser
from noderouter.cli import DTAB_OTHERS
from noderouter.cli import parser as noderouter_parser
from noderouter.commands.dtab_check.command import parser as dtab_check_parser
from noderouter.interception.keeper.options import parser as intercept_parser

INTRODUCTION: Final = """\
# Commands

<!-- Generated from the argument parsers by `python -m docs.generate`: change those. -->

`noderouter COMMAND -h` prints the same. Exit codes: 0 fine, 1 something to report, or the input or the environment is
at fault (standard error says what), 2 wrong usage. Where a command means more by one of them, it is said below.
"""

NOTES: Final[Mapping[str, str]] = {
    "noderouter run": "Ends after SIGTERM, SIGINT or `POST /admin/shutdown`, when connections have drained; a second "
    "signal ends it at once.",
    "noderouter validate": "Needs neither network nor cluster. Every problem has line, column and the nearest valid "
    "name.",
    "noderouter check": "Exit code 1 if a check failed; "
    "[what is checked](troubleshooting.md#is-everything-there-that-it-needs).",
    "noderouter top": "Ends with Ctrl-C (exit code 130) or after `--count`; what these six print is in "
    "[Watching from a terminal](terminal.md).",
    "noderouter requests": "`noderouter tap` is the same. What is filtered by is that of "
    "[`/requests`](admin.md#requests).",
    "noderouter explain": "With `--stacks` nobody is asked, and no port is opened.",
    "noderouter whatif": "Exit code 1 if a name would go elsewhere, 2 if something could not be had.",
    "noderouter completion": "[How it is put in place](terminal.md#completion).",
    "noderouter demo": "What `make run` starts; Ctrl-C ends it.",
    "noderouter dtab format": "Exit code 1 with `--check` if the layout would change. `python -m dtab` has this "
    "command, `lint` and `delegate` as well.",
    "noderouter dtab lint": "Exit code 1 if there is a finding.",
    "noderouter dtab delegate": "Exit code 1 if the name is bound to nothing. No namer is asked: names below `/#/` are "
    "taken to exist, but for those of `--neg`.",
    "noderouter dtab check": "Exit code 1 if there are findings, or names that would go elsewhere; 2 also if a dtab is "
    "invalid or something could not be reached.",
    "noderouter intercept run": "The [keeper](interception.md#how-it-works): the one process that needs NET_ADMIN.",
    "noderouter intercept check": "Exit code 1 if this node cannot capture; the last line says what a pod would see "
    "now.",
    "noderouter intercept wait": "Exit code 1 with `--required` only.",
}
"""Said below the help of a command."""

LONG: Final = 6
"""From so many options on, the usage line leaves them to the table."""


def page() -> str:
    """The whole page."""
    top = noderouter_parser()
    groups = {
        "noderouter dtab": {
            **_commands(dtab_parser("noderouter dtab")),
            "check": dtab_check_parser("noderouter dtab check"),
        },
        "noderouter intercept": _commands(intercept_parser()),
    }
    lines = [INTRODUCTION, *_index(top, groups)]
    for name, command in _commands(top).items():
        inner = groups.get(f"noderouter {name}")
        if inner is None:
            lines += _section(f"noderouter {name}", command, _helps(top)[name])
        else:
            for each, parser in inner.items():
                lines += _section(f"noderouter {name} {each}", parser, _said(parser))
    return "\n".join(lines)


def names() -> list[str]:
    """Every command that the page has a section for."""
    return [line.strip("#` ") for line in page().splitlines() if line.startswith("## ")]


def _index(top: argparse.ArgumentParser, groups: Mapping[str, Mapping[str, argparse.ArgumentParser]]) -> Iterator[str]:
    yield from ("| command | what it does |", "| --- | --- |")
    for name, words in _helps(top).items():
        inner = groups.get(f"noderouter {name}", {})
        if not inner:
            yield f"| [`{name}`](#noderouter-{name}) | {words} |"
        for each, parser in inner.items():
            yield f"| [`{name} {each}`](#noderouter-{name}-{each}) | {_said(parser)} |"
    yield ""


def _section(name: str, parser: argparse.ArgumentParser, words: str) -> Iterator[str]:
    yield from (f"## {name}", "", f"{words[:1].upper()}{words[1:].rstrip('.')}.", "")
    if name in NOTES:
        yield from (NOTES[name], "")
    actions = [each for each in parser._actions if not isinstance(each, argparse._HelpAction)]
    exclusive = [group._group_actions for group in parser._mutually_exclusive_groups]
    yield from ("```", " ".join([name, *_usage(actions, exclusive)]), "```", "")
    if actions:
        yield from ("| argument | meaning |", "| --- | --- |")
        for action in actions:
            yield f"| `{_written(action)}` | {_meaning(action)} |".replace("\n", " ")
        yield ""


def _usage(actions: list[argparse.Action], exclusive: list[list[argparse.Action]]) -> Iterator[str]:
    optional = [each for each in actions if each.option_strings and not each.required]
    if len(optional) >= LONG:
        yield "[options]"
        actions = [each for each in actions if each not in optional]
    for action in sorted(actions, key=lambda each: (not each.option_strings, not each.required)):
        others = next((group for group in exclusive if action in group), [action])
        if others[0] is not action:
            continue
        text = " | ".join(map(_written, others))
        yield text if action.required else f"[{text}]"


def _written(action: argparse.Action) -> str:
    """An argument as it is written: `--port PORT`, `config`."""
    if not action.option_strings:
        return str(action.metavar or action.dest)
    name = action.option_strings[-1]
    if action.nargs == 0:
        return name
    return f"{name} {action.metavar or action.dest.upper()}"


def _meaning(action: argparse.Action) -> str:
    words = [_cell(action.help or "")]
    if action.choices:
        words.append("one of " + ", ".join(f"`{each}`" for each in action.choices))
    if action.choices and action.default is not None and "default" not in words[0]:
        words.append(f"default: `{action.default}`")
    if action.required and action.option_strings:
        words.append("required")
    if isinstance(action, argparse._AppendAction) and "repeated" not in words[0]:
        words.append("may be repeated")
    return "; ".join(words)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands by their names, without those that are another name of one before."""
    first = {id(inner): name for name, inner in reversed(_subparsers(parser).choices.items())}
    return {name: inner for name, inner in _subparsers(parser).choices.items() if first[id(inner)] == name}


def _helps(parser: argparse.ArgumentParser) -> dict[str, str]:
    """What the list of commands says of each."""
    return {each.dest: each.help or "" for each in _subparsers(parser)._choices_actions}


def _said(parser: argparse.ArgumentParser) -> str:
    """The help of a subcommand: its own description, or what the list above it says."""
    return _LISTED.get(parser.prog) or (parser.description or "").strip()


def _listed() -> dict[str, str]:
    prog = "noderouter dtab"
    return {f"{prog} {name}": words for name, words in {**_helps(dtab_parser(prog)), **DTAB_OTHERS}.items()}


def _subparsers(parser: argparse.ArgumentParser) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    return next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


_LISTED: Final = _listed()
