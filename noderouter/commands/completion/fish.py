"""The script for fish, 3.0 and later: a line for each command, option and file."""

from collections.abc import Iterator
from typing import Final

from noderouter.commands.completion.grammar import PROGRAM, Command, Option, Takes, walk

_BEGIN: Final = """\
# Completion of noderouter for fish: noderouter completion fish | source
function __noderouter_words
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or echo $word
    end
end
function __noderouter_is
    set -l words (__noderouter_words)
    test "$words" = "$argv"
end
function __noderouter_in
    set -l words (__noderouter_words)
    set -l most (count $argv)
    test (count $words) -ge $most; and test "$words[1..$most]" = "$argv"
end
complete -c noderouter -f
"""


def script(root: Command) -> str:
    """Return the script."""
    return _BEGIN + "".join(f"complete -c {PROGRAM} {line}\n" for command in walk(root) for line in _lines(command))


def _lines(command: Command) -> Iterator[str]:
    path = " ".join(command.path)
    # A group has to be all there is so far; behind other commands come arguments.
    question = "__noderouter_is" if command.below else "__noderouter_in"
    at = f"-n {_quoted(f'{question} {path}'.rstrip())}"
    for each in command.below:
        yield f"{at} -a {each.path[-1]} -d {_quoted(each.help)}"
    for argument in command.arguments:
        if argument.choices:
            yield f"{at} -a {_quoted(' '.join(argument.choices))}"
        elif argument.takes is Takes.FILE:
            yield f"{at} -F"
    for option in command.options:
        yield f"{at} {_option(option)}"


def _option(option: Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    return f"{names}{_takes(option)} -d {_quoted(option.help)}"


def _takes(option: Option) -> str:
    match option.takes:
        case Takes.NOTHING:
            return ""
        case Takes.FILE:
            return " -r -F"
        case Takes.DIRECTORY:
            return " -x -a '(__fish_complete_directories)'"
    return f" -x -a {_quoted(' '.join(option.choices))}" if option.choices else " -x"


def _quoted(text: str) -> str:
    """Return text as fish has it between quotes: only a quote and a backslash are special there."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
