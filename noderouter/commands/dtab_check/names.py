"""Which names are tried: those of a file, those that a router was asked for, or else those that the dtabs speak of."""

import sys
from collections.abc import Iterable
from pathlib import Path as File
from typing import Final

from dtab import Dtab, ParseError, Path
from noderouter.commands.dtab_check.source import STDIN, SourceError

MAX_NAMES: Final = 10_000


def from_file(path: str) -> list[Path]:
    """Read a name on each line; blank lines and what follows a `#` behind a blank do not count.

    Raises:
        SourceError: it cannot be read, or a line is no name.
    """
    try:
        text = sys.stdin.read() if path == STDIN else File(path).read_text("utf-8")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not UTF-8") from error
    names = []
    for number, line in enumerate(text.splitlines(), start=1):
        name = f" {line}".partition(" #")[0].strip()
        if not name:
            continue
        try:
            names.append(Path.parse(name))
        except ParseError as error:
            raise SourceError(f"{path}:{number}: {error}") from error
    return names


def of_dtabs(dtabs: Iterable[Dtab]) -> list[Path]:
    """Return the prefixes of all dentries, as names; those with a `*` stand for too many."""
    names = []
    for dtab in dtabs:
        for dentry in dtab:
            labels = [element for element in dentry.prefix.elements if element is not None]
            if labels and len(labels) == len(dentry.prefix.elements):
                names.append(Path(tuple(labels)))
    return names


def each_once(names: Iterable[Path]) -> list[Path]:
    """Return the names in order, without repetitions, and not too many."""
    return sorted(set(names), key=Path.show)[:MAX_NAMES]
