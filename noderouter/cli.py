"""The command line: `noderouter COMMAND`; the commands are listed in docs/commands.md.

Exit codes: 0 fine, 1 the input or the environment is at fault (said on standard error), 2 wrong usage.
"""

import argparse
import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from noderouter import __version__

DTAB_OTHERS: Final = {"check": "tell which names a new dtab would lead elsewhere, and what is wrong with it"}
"""What `noderouter dtab` can do besides the language's own commands."""
_LASTING: Final = ("run", "demo", "intercept")
"""What writes more than an answer to standard output: a disk may be full for them elsewhere, too."""
SHELLS: Final = ("bash", "zsh", "fish")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    _heed_termination()
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments and arguments[0] in _LASTING:
        return _carry_out(arguments)
    try:
        code = _carry_out(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left is flushed once more at the end
        if error.errno == errno.EPIPE:
            return 0  # as much as was wanted
        print(f"noderouter: standard output: {error.strerror}", file=sys.stderr)
        return 1


def _carry_out(arguments: list[str]) -> int:
    if arguments[:1] == ["dtab"]:
        return _dtab(arguments[1:])
    if arguments[:1] == ["intercept"]:
        # The privileged process: it must not import what the router needs.
        from noderouter.interception.keeper.cli import main as intercept_main

        return intercept_main(arguments[1:])
    options = parser().parse_args(arguments)
    return int(options.command(options))


def parser() -> argparse.ArgumentParser:
    """The parser of the top level; `dtab` and `intercept` have their own."""
    made = argparse.ArgumentParser(prog="noderouter", description="A service-mesh router for one node.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a router")
    run.add_argument("config", help="the configuration, YAML or JSON; - reads standard input")
    run.add_argument("--log-level", default="INFO", help="TRACE, DEBUG, INFO, WARNING, ERROR (default: INFO)")
    run.set_defaults(command=_run)
    validate = commands.add_parser("validate", help="check a configuration and say everything that is wrong with it")
    validate.add_argument("config", help="the configuration, YAML or JSON; - reads standard input")
    validate.add_argument("--json", action="store_true", help="problems as JSON on standard output")
    validate.set_defaults(command=_validate)
    from noderouter.commands.check.arguments import add_arguments

    check = commands.add_parser("check", help="check what a router needs, before and after it is installed")
    add_arguments(check)
    check.set_defaults(command=_check)
    from noderouter.commands.look.arguments import NAMES, add_commands

    add_commands(commands)
    for name in NAMES:
        commands.choices[name].set_defaults(command=partial(_look, name))
    completion = commands.add_parser("completion", help="print a script that completes these commands in a shell")
    completion.add_argument("shell", choices=SHELLS, help="which shell")
    completion.set_defaults(command=_completion)
    demo = commands.add_parser("demo", help="run a router with four small services, and see it route")
    demo.add_argument("--port", type=int, default=4140, help="where the router listens (default: 4140)")
    demo.add_argument("--admin-port", type=int, default=9990, help="its admin interface (default: 9990)")
    demo.add_argument("--directory", default=None, help="where its files go (default: a new temporary directory)")
    demo.set_defaults(command=_demo)
    dtab = commands.add_parser("dtab", help="lay out, lint, check and explain dtabs (see `noderouter dtab -h`)")
    dtab.set_defaults(command=lambda _options: 2)
    intercept = commands.add_parser("intercept", help="capture pods' connections (see `noderouter intercept -h`)")
    intercept.set_defaults(command=lambda _options: 2)
    version = commands.add_parser("version", help="versions, and what of the data path is compiled")
    version.set_defaults(command=_version)
    return made


def _heed_termination() -> None:
    """Have SIGTERM end us while we start, too, where we are a container's first process.

    The kernel drops signals for that one that have no handler: told to end while it imports and reads, it would go on,
    take another router's place, and be killed in the middle of requests when its grace is over.
    """
    if os.getpid() == 1 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))


def _dtab(arguments: list[str]) -> int:
    """The commands of the language, and the one that knows where dtabs are in effect."""
    if arguments[:1] == ["check"]:
        from noderouter.commands.dtab_check.command import main as check_main

        return check_main(arguments[1:])
    from dtab.cli import main as dtab_main

    return dtab_main(arguments, prog="noderouter dtab", others=DTAB_OTHERS)


def _run(options: argparse.Namespace) -> int:
    gc.disable()  # what starting allocates stays; `memory.settle` turns the collector on
    from noderouter.run import run_file

    return run_file(options.config, options.log_level.upper())


def _validate(options: argparse.Namespace) -> int:
    from noderouter.config.validate import validate_file

    return validate_file(options.config, json=options.json)


def _look(name: str, options: argparse.Namespace) -> int:
    try:
        if name == "explain" and options.stacks:
            from noderouter.commands.explain import explain_stacks

            return explain_stacks(options.name)
        from noderouter.commands.look.command import run

        return run(name, options)
    except KeyboardInterrupt:  # while modules are imported: there is no handler of ours yet
        return 130


def _completion(options: argparse.Namespace) -> int:
    from noderouter.commands.completion.command import script

    print(script(options.shell, parser(), DTAB_OTHERS), end="")
    return 0


def _check(options: argparse.Namespace) -> int:
    from noderouter.commands.check.command import run

    return run(options)


def _demo(options: argparse.Namespace) -> int:
    from noderouter.commands.demo import run_demo

    return run_demo(options.port, options.admin_port, options.directory)


def _version(_options: argparse.Namespace) -> int:
    import platform
    from importlib.metadata import version

    from noderouter import _compiled
    from noderouter.proxy.http1 import head
    from noderouter.proxy.http2 import hpack

    print(f"noderouter {__version__}")
    print(f"data path: {'compiled' if _compiled.compiled() else _compiled.why_not()}")
    for part, module in (("head parser", head), ("HPACK", hpack)):
        print(f"{part}: {'compiled' if module.COMPILED else 'pure Python (no compiled one could be imported)'}")
    print(f"python {platform.python_version()}, trio {version('trio')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
