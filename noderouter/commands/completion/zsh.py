"""The script for zsh: a function for each command, in terms of its `_arguments` and `_describe`."""

from collections.abc import Iterator
from shlex import quote
from typing import Final

from noderouter.commands.completion.grammar import PROGRAM, Argument, Command, Option, Takes, walk

_BEGIN: Final = """\
#compdef noderouter
# Completion of noderouter for zsh: source <(noderouter completion zsh), or this as _noderouter in a folder of $fpath
"""
_END: Final = """\
if [[ ${funcstack[1]} == _noderouter ]]; then
    _noderouter "$@"
else
    compdef _noderouter noderouter
fi
"""


def script(root: Command) -> str:
    """Return the script."""
    return "".join((_BEGIN, *(line for command in walk(root) for line in _function(command)), _END))


def _name(path: tuple[str, ...]) -> str:
    return "_" + "_".join((PROGRAM, *path)).replace("-", "_")


def _function(command: Command) -> Iterator[str]:
    yield f"{_name(command.path)}() {{\n"
    yield from _group(command) if command.below else _leaf(command)
    yield "}\n"


def _group(command: Command) -> Iterator[str]:
    """Yield the body for a command that has others below it."""
    yield "    local curcontext=$curcontext state line\n    local -a commands\n    local -A opt_args\n"
    options = "".join(f" {spec}" for option in command.options for spec in _option(option))
    yield f"    _arguments -C{options} '1: :->command' '*:: :->rest' && return\n"
    yield "    case $state in\n    command)\n        commands=(\n"
    for each in command.below:
        yield f"            {quote(each.path[-1] + ':' + each.help.replace(':', chr(92) + ':'))}\n"
    yield "        )\n        _describe -t commands command commands\n        ;;\n"
    yield "    rest)\n        case ${line[1]} in\n"
    for each in command.below:
        yield f"        {each.path[-1]}) {_name(each.path)} ;;\n"
    yield "        esac\n        ;;\n    esac\n"


def _leaf(command: Command) -> Iterator[str]:
    """Yield the body for a command that has none."""
    specs = [spec for option in command.options for spec in _option(option)]
    specs += [_argument(place, each) for place, each in enumerate(command.arguments, start=1)]
    yield "    _arguments -s -S \\\n        " + " \\\n        ".join(specs) + "\n"


def _option(option: Option) -> Iterator[str]:
    """Yield a specification for each way an option is written; one excludes the others, and itself."""
    others = "*" if option.again else f"({' '.join(option.names)})"
    text = option.help.translate({ord(each): chr(92) + each for each in "[]:\\"})
    for name in option.names:
        takes = "" if option.takes is Takes.NOTHING else f":{name.lstrip('-')}:{_action(option.takes, option.choices)}"
        long = "=" if takes and name.startswith("--") else ""
        yield quote(f"{others}{name}{long}[{text}]{takes}")


def _argument(place: int, argument: Argument) -> str:
    return quote(f"{place}:{argument.name}:{_action(argument.takes, argument.choices)}")


def _action(takes: Takes, choices: tuple[str, ...]) -> str:
    match takes:
        case Takes.FILE:
            return "_files"
        case Takes.DIRECTORY:
            return "_files -/"
    return f"({' '.join(choices)})" if choices else " "
