"""`trace` of a router: in which formats requests carry their traces."""

from typing import Annotated, ClassVar, Literal

from noderouter.core.propagation.formats import Propagation
from noderouter.schema.fields import NotEmpty
from noderouter.schema.kind import AfterValidator, Model, Several


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise ValueError(f"{twice} is there twice; name each format once")
    return names


FormatName = Literal["w3c", "b3", "b3multi", "l5d"]


class TraceConfig(Model):
    """With it a router takes part in traces, as it does wherever a telemeter records spans."""

    section: ClassVar[str] = "trace"

    propagation: Annotated[Several[FormatName], NotEmpty, AfterValidator(_distinct)] | None = None
    """What is read and written; None reads all, and writes w3c, l5d, and the format in which a trace came."""

    def build(self) -> Propagation:
        """The formats of a router."""
        return Propagation(self.propagation)
