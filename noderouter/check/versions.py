"""This program, its Python, and whether the data path is compiled."""

import platform
import sys
from collections.abc import Iterator

from noderouter import __version__
from noderouter.check.finding import Finding, fail, ok, warn
from noderouter.http1.head import COMPILED

OLDEST = (3, 11)


def check_versions() -> Iterator[Finding]:
    """One line each."""
    yield ok("noderouter", __version__)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info >= OLDEST:
        yield ok("python", python)
    else:
        yield fail("python", python, "noderouter needs Python 3.11 or later")
    yield head_parser(COMPILED)


def head_parser(compiled: bool) -> Finding:
    """Whether heads are parsed by the compiled parser."""
    if compiled:
        return ok("head parser", "compiled")
    hint = "install noderouter where a C compiler is, or from a wheel for this platform"
    return warn("head parser", "pure Python: right, but it takes more than twice the CPU", hint)
