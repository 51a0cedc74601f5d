"""The table of values in docs/chart.md, made of values.yaml: a comment that begins with `# --` describes the next key.

A described key is a row, with everything below it as its default. Keys that only hold others need no comment.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.charts.helm import CHART

VALUES = CHART / "values.yaml"
PAGE = CHART.parents[1] / "docs" / "chart.md"

BEGIN = "<!-- made of values.yaml by `make chart-golden` -->\n"
END = "<!-- end -->\n"

_KEY = re.compile(r"( *)([\w.]+):")
_LONGEST_DEFAULT = 120


def described(text: str) -> Iterator[tuple[str, str]]:
    """Every described key as a path with dots, and its description, in the order of the file."""
    path: list[str] = []
    words: list[str] = []
    for line in text.splitlines():
        comment = re.match(r" *# (.*)", line)
        if comment:
            if comment[1].startswith("-- "):
                words = [comment[1].removeprefix("-- ")]
            elif words:
                words.append(comment[1])
            continue
        key = _KEY.match(line)
        if key:
            path = [*path[: len(key[1]) // 2], key[2]]
            if words:
                yield ".".join(path), " ".join(words)
        words = []


def default(values: Any, path: str) -> str:
    """The value at a path, as a cell."""
    for key in path.split("."):
        values = values[key]
    shown = json.dumps(values)
    return f"`{shown}`" if len(shown) <= _LONGEST_DEFAULT else "see `values.yaml`"


def table() -> str:
    """The table in Markdown."""
    text = VALUES.read_text()
    values = yaml.safe_load(text)
    rows = [(path, default(values, path), words) for path, words in described(text)]
    lines = ["| value | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{path}` | {shown} | {words} |".replace("||", "\\|\\|") for path, shown, words in rows]
    return "\n".join(lines) + "\n"


def undescribed(values: Any, paths: set[str], place: str = "") -> Iterator[str]:
    """Leaves that no comment describes, neither their own nor one above them."""
    for key, value in values.items():
        path = f"{place}{key}"
        if path in paths:
            continue
        if isinstance(value, dict) and value:
            yield from undescribed(value, paths, f"{path}.")
        else:
            yield path
