"""Runs a router from a configuration file; errors of the start are printed in words, without a traceback."""

import sys
from collections.abc import Callable, Iterator

import trio

from noderouter import memory
from noderouter.admin.listen import AdminListenError
from noderouter.app import App
from noderouter.config.config import Config
from noderouter.config.validate import load
from noderouter.line_queue import take_standard_error
from noderouter.proxy.listener.listener import ListenError
from noderouter.schema.environment import EnvironmentMissing
from noderouter.schema.problem import ConfigError
from noderouter.telemetry import log
from noderouter.tls.followed import TlsFilesError


def run_file(path: str, level: str = "INFO") -> int:
    """`noderouter run`: serve until told to stop; answers the exit code."""
    memory.keep_large_apart()
    take_standard_error(log.lost)
    if level not in log.LEVELS:
        print(f"noderouter: no such log level: {level}; valid: {', '.join(log.LEVELS)}", file=sys.stderr)
        return 2
    try:
        config = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    log.configure(level)
    return run_config(config)


def run_config(config: Config, on_ready: Callable[[App], None] = lambda _app: None) -> int:
    """Serve a checked configuration."""
    code = 0
    try:
        trio.run(App(config).run, on_ready)
    except* (ListenError, AdminListenError, EnvironmentMissing, TlsFilesError) as group:
        code = 1
        for error in flat(group):
            print(f"noderouter: {error}", file=sys.stderr)
    return code


def flat(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from flat(inner)
    else:
        yield error
