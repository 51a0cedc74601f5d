"""`io.l5d.prometheus`: where on the admin port the exposition is, and how its names begin."""

import re
from typing import Annotated, ClassVar, Final

from noderouter.schema.kind import AfterValidator
from noderouter.telemetry.telemeter.kind import DEFAULT_PATH, Exposition, TelemeterKind

_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def _plain_path(path: str) -> str:
    if _PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
        raise ValueError(f"must be a path like {DEFAULT_PATH}: letters, digits and . _ ~ - between slashes")
    return path


def _name_start(prefix: str) -> str:
    # Other characters become underscores, as everywhere in a name; a digit in front has no remedy.
    if prefix[:1].isascii() and prefix[:1].isdigit():
        raise ValueError("must not start with a digit, because names of metrics must not")
    return prefix


class Prometheus(TelemeterKind):
    """The text exposition (docs/linkerd1.md section 6.4)."""

    kind_name: ClassVar[str] = "io.l5d.prometheus"

    path: Annotated[str, AfterValidator(_plain_path)] = DEFAULT_PATH
    prefix: Annotated[str, AfterValidator(_name_start)] = ""

    def expositions(self) -> tuple[Exposition, ...]:
        """Return its one place."""
        return (Exposition(self.path, self.prefix),)
