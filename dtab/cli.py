"""`python -m dtab` and `noderouter dtab`: lay out, check and try dtabs from the command line.

The one module of this package that reads files. Exit codes: 0 fine, 1 something to report (findings, a text that is
not laid out, a name that is bound to nothing), 2 the arguments or a text are wrong.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path as File
from types import MappingProxyType
from typing import Final

from dtab.binder import bind
from dtab.dtab import Dtab
from dtab.layout import lay_out
from dtab.lint import lint
from dtab.outline import outline
from dtab.path import Path
from dtab.result import Ok
from dtab.scanner import ParseError
from dtab.symbolic import lookup

_STDIN: Final = "-"


def main(
    argv: Sequence[str] | None = None, prog: str = "python -m dtab", others: Mapping[str, str] = MappingProxyType({})
) -> int:
    """Carry out one command and answer the exit code.

    `argv` are the arguments after the program's name; `others` are commands of the program that it carries out itself,
    with what they do, for the list.
    """
    arguments = parser(prog, others).parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except ParseError as error:
        print(f"{arguments.source}:{error.line}:{error.column}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{arguments.source}: {error.strerror}", file=sys.stderr)
    except UnicodeDecodeError:
        print(f"{arguments.source}: not UTF-8", file=sys.stderr)
    return 2


def parser(prog: str, others: Mapping[str, str] = MappingProxyType({})) -> argparse.ArgumentParser:
    """The parser of all commands; `others` as in `main`."""
    made = argparse.ArgumentParser(prog=prog, description="Work with delegation tables.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for name, does in others.items():
        commands.add_parser(name, help=does)

    layout = commands.add_parser("format", help="lay out a dtab, one dentry per line, and print it")
    layout.add_argument("source", nargs="?", default=_STDIN, metavar="FILE", help="default: standard input")
    how = layout.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="print nothing; exit 1 if the layout would change")
    how.add_argument("--write", action="store_true", help="write the file instead of printing")
    how.add_argument("--one-line", action="store_true", help="as in the l5d-dtab header: no comments, one line")
    layout.set_defaults(command=_format)

    check = commands.add_parser("lint", help="report what can hardly be meant")
    check.add_argument("source", nargs="?", default=_STDIN, metavar="FILE", help="default: standard input")
    check.add_argument(
        "--namer",
        type=_path,
        action="append",
        metavar="PREFIX",
        help="a configured namer, such as /#/io.l5d.fs; if any is given, others are reported",
    )
    check.set_defaults(command=_lint)

    delegate = commands.add_parser("delegate", help="show what a name is bound to, and how")
    delegate.add_argument("path", type=_path, metavar="PATH", help="the name, such as /svc/hello")
    delegate.add_argument("--dtab", dest="source", default=_STDIN, metavar="FILE", help="default: standard input")
    delegate.add_argument("--json", action="store_true", help="print what /delegator.json answers")
    delegate.add_argument(
        "--neg",
        type=_path,
        action="append",
        default=[],
        metavar="PREFIX",
        help="names that are to be negative; all others below /#/ are taken to exist",
    )
    delegate.set_defaults(command=_delegate)
    return made


def _format(arguments: argparse.Namespace) -> int:
    text = _read(arguments.source)
    if arguments.one_line:
        print(Dtab.parse(text).show())
        return 0
    laid_out = lay_out(text)
    if arguments.check:
        return int(laid_out != text)
    if arguments.write and arguments.source != _STDIN:
        if laid_out != text:
            File(arguments.source).write_text(laid_out, encoding="utf-8")
    else:
        sys.stdout.write(laid_out)
    return 0


def _lint(arguments: argparse.Namespace) -> int:
    findings = lint(_read(arguments.source), arguments.namer)
    for finding in findings:
        print(f"{arguments.source}:{finding}")
    return 1 if findings else 0


def _delegate(arguments: argparse.Namespace) -> int:
    answer = partial(lookup, negative=arguments.neg)
    delegation = bind(Dtab.parse(_read(arguments.source)), arguments.path, answer, explore=True)
    if arguments.json:
        # Nothing is resolved here, so every address is what Linkerd shows before it knows better.
        print(json.dumps(delegation.json(lambda addr: {"type": "pending"}), indent=2))
    else:
        for line in outline(delegation):
            print(line)
    return 0 if isinstance(delegation.result, Ok) and delegation.result.tree.eval() else 1


def _read(source: str) -> str:
    if source == _STDIN:
        return sys.stdin.read()
    return File(source).read_text(encoding="utf-8")


def _path(text: str) -> Path:
    try:
        return Path.parse(text)
    except ParseError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
