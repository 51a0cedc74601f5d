"""This program, its Python, and whether the data path is compiled."""

import platform
import sys
from collections.abc import Iterator

from noderouter import __version__, _compiled
from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.proxy.http1.head import COMPILED

OLDEST = (3, 11)


def check_versions() -> Iterator[Finding]:
    """One line each."""
    yield ok("noderouter", __version__)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info >= OLDEST:
        yield ok("python", python)
    else:
        yield fail("python", python, "noderouter needs Python 3.11 or later")
    yield part("data path", None if _compiled.compiled() else _compiled.why_not())
    yield part("head parser", None if COMPILED else "pure Python")


def part(subject: str, why_not: str | None) -> Finding:
    """Whether a part is compiled: it is where there is no reason why not."""
    if why_not is None:
        return ok(subject, "compiled")
    hint = "install noderouter where a C compiler is, or from a wheel for this platform"
    return warn(subject, f"{why_not}: it works, and takes more CPU", hint)
