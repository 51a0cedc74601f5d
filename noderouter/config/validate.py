"""The way in: from a file or a text to a checked `Config`, with every problem of the file reported at once."""

import sys
from typing import IO, Any, BinaryIO

from noderouter.config.config import Config
from noderouter.config.cross_checks import cross_check
from noderouter.schema.explain import explain
from noderouter.schema.kind import ValidationError
from noderouter.schema.load import parse, read, show_name
from noderouter.schema.problem import ConfigError, ConfigProblem
from noderouter.schema.source import Source


def load(path: str, stdin: BinaryIO | None = None) -> Config:
    """Return the configuration at `path`; `-` is standard input.

    Raises:
        ConfigError: it cannot be used, with all reasons.
    """
    return _checked(read(path, stdin))


def validate_text(text: str, name: str = "<config>") -> Config | list[ConfigProblem]:
    """Return the configuration in `text`, or everything that is wrong with it, in the order of the text."""
    try:
        return _checked(Source(name, text))
    except ConfigError as exc:
        return list(exc.problems)


def validate_file(
    path: str,
    *,
    json: bool = False,
    out: IO[str] | None = None,
    err: IO[str] | None = None,
    stdin: BinaryIO | None = None,
) -> int:
    """Check a file and print the result, as `noderouter validate` does.

    Args:
        path: the file, or `-`.
        json: problems as one JSON object on `out`, for programs; else one line each on `err`.
        out: where results go; standard output where None.
        err: where problems go; standard error where None.
        stdin: what `-` reads; standard input where None.

    Returns:
        The exit status: 0, or 1 where there are problems.
    """
    out, err = out or sys.stdout, err or sys.stderr
    try:
        load(path, stdin)
    except ConfigError as exc:
        print(exc.to_json() if json else exc, file=out if json else err)
        return 1
    print(ConfigError(show_name(path), []).to_json() if json else f"{show_name(path)}: valid", file=out)
    return 0


def dump(config: Config) -> dict[str, Any]:
    """Return the configuration in effect, defaults filled in, ready for JSON; it loads again as the same."""
    return config.model_dump(mode="json", by_alias=True, exclude_none=True, fallback=str)


def _checked(source: Source) -> Config:
    """Raises ConfigError."""
    root = parse(source)
    config = None
    if root is not None:
        try:
            config = Config.model_validate(root)
        except ValidationError as exc:
            explain(source, root, exc)
        cross_check(source, root)
    if config is None or source.problems:
        raise ConfigError(source.name, _ordered(source))
    return config


def _ordered(source: Source) -> list[ConfigProblem]:
    """Return the problems in the order of the file, each once: an alias leads to one place twice."""
    problems = sorted(dict.fromkeys(source.problems), key=lambda problem: (problem.line, problem.column))
    if source.unreported:
        problems.append(ConfigProblem(0, 0, "", f"and {source.unreported} more problems"))
    return problems
