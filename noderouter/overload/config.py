"""`overload`: when work is shed, and how much one client may ask for."""

from typing import Annotated, ClassVar, Self

from noderouter.schema.fields import Milliseconds, Positive
from noderouter.schema.kind import Field, Model, model_validator

Percent = Annotated[int, Field(ge=1, le=100)]


class OverloadConfig(Model):
    """Watermarks of memory and lag, and limits for each client address."""

    section: ClassVar[str] = "overload"

    maxMemoryMB: Positive | None = None
    """Of resident memory; None is the limit of the control group."""
    memoryHighPercent: Percent = 90
    memoryLowPercent: Percent = 80
    lagHighMs: Milliseconds = 1000
    lagLowMs: Milliseconds = 250
    bindingsPerSecond: Positive = 100
    bindingBurst: Positive = 1000
    ipv6PrefixLength: Annotated[int, Field(ge=1, le=128)] = 128
    """How many bits of an IPv6 address say whose it is."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.memoryLowPercent > self.memoryHighPercent:
            raise ValueError("memoryLowPercent is above memoryHighPercent; shedding would never end")
        if self.lagLowMs > self.lagHighMs:
            raise ValueError("lagLowMs is above lagHighMs; shedding would end while it begins")
        return self
