"""From a path to what it names in Kubernetes."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from dtab import Path
from noderouter.schema.kind import Field

LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
"""The name of a namespace or a Service (RFC 1123). What cannot be one does not exist, and the API is not asked."""
PORT: Final = re.compile(r"[0-9]{1,5}|(?=[-0-9]*[a-z])[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_VALUE: Final = re.compile(r"(?:[a-z0-9](?:[-a-z0-9_.]{0,61}[a-z0-9])?)?")
LabelKey = Annotated[str, Field(pattern=r"^(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]
"""The key of a label of Kubernetes."""


@dataclass(frozen=True, slots=True)
class TargetName:
    """The parts of a path, in lower case."""

    namespace: str
    port: str
    service: str
    host: str = ""
    """One host of the Service, such as `web-0`; empty for all."""
    label: tuple[str, str] | None = None
    """A label that the Service must have; of the value, upper and lower case are the same."""

    @property
    def key(self) -> str:
        """The Service, and the label value, as the admin interface shows them."""
        service = f"{self.namespace}/{self.service}"
        return service if self.label is None else f"{service}:{self.label[1]}"


@dataclass(frozen=True, slots=True)
class PathForm:
    """`/<namespace>/<port>/<service>`: without the namespace where that is given, with a label value where `label` is.

    `<service>` may be `<host>.<service>`.
    """

    label: str | None = None
    namespace: str | None = None

    @property
    def size(self) -> int:
        """The number of labels of a name; the residual follows."""
        return 3 - (self.namespace is not None) + (self.label is not None)

    def parse(self, path: Path) -> TargetName | None:
        """Parse a path; return None where it cannot name anything."""
        if len(path) < self.size:
            return None
        try:
            words = [label.decode("ascii").lower() for label in path.labels[: self.size]]
        except UnicodeDecodeError:
            return None
        namespace = words.pop(0) if self.namespace is None else self.namespace
        port, service = words[0], words[1]
        host, dot, rest = service.partition(".")
        if dot:
            service = rest
        if not all(map(LABEL.fullmatch, (namespace, service, host))) or not PORT.fullmatch(port):
            return None
        label = None
        if self.label is not None:
            if not _VALUE.fullmatch(words[2]):
                return None
            label = (self.label, words[2])
        return TargetName(namespace, port, service, host if dot else "", label)

    def id(self, path: Path) -> Path:
        """Return the name without its residual, in the case in which it is known."""
        return Path(tuple(label.lower() for label in path.labels[: self.size]))
