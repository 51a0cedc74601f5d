"""`budget` of retries and requeues: how many requests may be sent again."""

from typing import Annotated, ClassVar

from noderouter.proxy.retry.budget import RetryBudget
from noderouter.schema.kind import Field, Model


class Budget(Model):
    """How many requests may be repeated: a share of all, and some per second in any case."""

    section: ClassVar[str] = "budget"

    ttlSecs: Annotated[int, Field(ge=1, le=60)] = 10
    minRetriesPerSec: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    percentCanRetry: Annotated[float, Field(ge=0, le=1000)] = 0.2
    """A share, whatever its name says: 0.2 is one retry for five requests."""

    def build(self) -> RetryBudget:
        """A budget of its own for one service or client."""
        return RetryBudget(self.ttlSecs, self.minRetriesPerSec, self.percentCanRetry)
