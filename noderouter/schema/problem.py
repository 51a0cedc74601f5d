"""What is wrong with a configuration: a list of problems, each with its place, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One problem. Line and column count from 1; both are 0 where the file could not be read at all."""

    line: int
    column: int
    path: str
    """Such as `routers[0].client.loadBalancer.kind`; empty for the file as a whole."""
    message: str
    text: str = ""
    """The offending text, shortened, as it stands in the file."""
    hint: str | None = None
    """The nearest valid name, or the text that was probably meant."""

    def show(self, name: str) -> str:
        """Return one line: `file:line:column: path: message (did you mean ...?)`."""
        place = f"{name}:{self.line}:{self.column}" if self.line else name
        path = f"{self.path}: " if self.path else ""
        hint = f" (did you mean {self.hint}?)" if self.hint else ""
        return f"{place}: {path}{self.message}{hint}"


class ConfigError(Exception):
    """A configuration that cannot be used; carries every problem that was found, in the order of the file."""

    def __init__(self, name: str, problems: Sequence[ConfigProblem]) -> None:
        """`name` is what messages call the file."""
        super().__init__(name, problems)
        self.name = name
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(problem.show(self.name) for problem in self.problems)

    def to_json(self) -> str:
        """Return the same for programs: `{"file": ..., "problems": [...]}`."""
        return json.dumps({"file": self.name, "problems": [asdict(problem) for problem in self.problems]}, indent=2)
