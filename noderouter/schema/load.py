"""Reads a configuration file: bytes from a path or standard input, to a tree of values that know their places.

YAML or JSON is decided by content, as in Linkerd: what begins with `{` is JSON.
"""

import sys
from errno import EACCES, EISDIR, ENOENT
from pathlib import Path
from typing import BinaryIO

from noderouter.schema.json_source import parse_json
from noderouter.schema.problem import ConfigError, ConfigProblem
from noderouter.schema.source import MOST_BYTES, Block, Mark, Source, Unreadable
from noderouter.schema.yaml_source import parse_yaml

_REASONS = {
    ENOENT: "no such file",
    EACCES: "no permission to read it",
    EISDIR: "a directory; name a file",
}

STDIN = "-"


def show_name(path: str) -> str:
    """Return what messages call the file at `path`."""
    return "<stdin>" if path == STDIN else path


def read(path: str, stdin: BinaryIO | None = None) -> Source:
    """Read the text at `path`, or of standard input where `path` is `-`.

    Raises:
        ConfigError: it cannot be read, is too big, or is not UTF-8.
    """
    name = show_name(path)
    try:
        if path == STDIN:
            data = (stdin or sys.stdin.buffer).read(MOST_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = _REASONS.get(exc.errno or 0) if isinstance(exc, OSError) else None
        text = reason or (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        raise ConfigError(name, [ConfigProblem(0, 0, "", f"cannot be read: {text}")]) from exc
    if len(data) > MOST_BYTES:
        raise ConfigError(name, [ConfigProblem(0, 0, "", f"larger than {MOST_BYTES >> 20} MB")])
    return Source(name, _decoded(name, data))


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        column = exc.start - data.rfind(b"\n", 0, exc.start)
        message = f"not UTF-8: byte 0x{data[exc.start]:02x}; save the file as UTF-8"
        raise ConfigError(name, [ConfigProblem(line, column, "", message)]) from exc


def parse(source: Source) -> Block | None:
    """Return the tree of `source`; None where there is none, and then `source.problems` has the reason."""
    if not source.text.strip():
        source.report(Mark(0, 0), "", "the file is empty; at least `routers` is needed")
        return None
    try:
        root, mark = parse_json(source) if source.text.lstrip()[0] == "{" else parse_yaml(source)
    except Unreadable as exc:
        source.report(Mark(exc.at, exc.at), "", exc.message)
        return None
    if isinstance(root, Block):
        return root
    if root is None:
        source.report(Mark(0, 0), "", "the file holds nothing but comments; at least `routers` is needed")
    else:
        source.report(mark, "", "a configuration is keys and values, beginning with `routers:`")
    return None
