"""The script for bash, 3.2 and later; it needs nothing but bash."""

from collections.abc import Iterator
from shlex import quote
from typing import Final

from noderouter.commands.completion.grammar import PROGRAM, Command, Takes, walk

_BEGIN: Final = """\
# Completion of noderouter for bash: source <(noderouter completion bash)
_noderouter_give() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$@")
}
_noderouter_files() {
    compopt -o filenames 2>/dev/null
    _noderouter_give "$1" -- "$2"
}
_noderouter() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local path=noderouter words='' options='' files='' i
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $prev == '=' ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${COMP_WORDS[i]}" in
"""
_VALUES: Final = """\
        esac
    done
    case "$path $prev" in
"""
_WORDS: Final = """\
    esac
    case $path in
"""
_END: Final = """\
    esac
    if [[ $cur == -* ]]; then
        _noderouter_give -W "$options" -- "$cur"
    elif [[ -n $files ]]; then
        _noderouter_files "$files" "$cur"
    else
        _noderouter_give -W "$words" -- "$cur"
    fi
}
complete -F _noderouter noderouter
"""
_FILES: Final = {Takes.FILE: "-f", Takes.DIRECTORY: "-d"}


def script(root: Command) -> str:
    """Return the script."""
    return "".join((_BEGIN, *_paths(root), _VALUES, *_values(root), _WORDS, *_words(root), _END))


def _full(command: Command) -> str:
    return " ".join((PROGRAM, *command.path))


def _paths(root: Command) -> Iterator[str]:
    """Yield where each word of a command leads."""
    for each in list(walk(root))[1:]:
        yield f"            {quote(_full(each))}) path={quote(_full(each))} ;;\n"


def _values(root: Command) -> Iterator[str]:
    """Yield what may stand behind each option."""
    for command in walk(root):
        for option in command.options:
            if option.takes is Takes.NOTHING:
                continue
            names = " | ".join(quote(f"{_full(command)} {name}") for name in option.names)
            if option.takes in _FILES:
                does = f'_noderouter_files {_FILES[option.takes]} "$cur"; '
            elif option.choices:
                does = f'_noderouter_give -W {quote(" ".join(option.choices))} -- "$cur"; '
            else:
                does = ""
            yield f"        {names}) {does}return ;;\n"


def _words(root: Command) -> Iterator[str]:
    """Yield what may stand anywhere in a command."""
    for command in walk(root):
        words = [each.path[-1] for each in command.below]
        words += [choice for each in command.arguments for choice in each.choices]
        options = [name for option in command.options for name in option.names]
        files = next((_FILES[each.takes] for each in command.arguments if each.takes in _FILES), "")
        does = f"words={quote(' '.join(words))} options={quote(' '.join(options))}"
        does += f" files={files}" if files else ""
        yield f"        {quote(_full(command))}) {does} ;;\n"
