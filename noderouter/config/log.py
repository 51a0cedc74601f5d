"""`log`: what the router says on standard error. How much it says is changed while it runs, at `/logging.json`."""

from typing import Annotated, ClassVar

from noderouter.line_queue import MAX_BYTES
from noderouter.schema.kind import Field, Model


class LogConfig(Model):
    """What waits where nobody reads it."""

    section: ClassVar[str] = "log"

    maxQueueKB: Annotated[int, Field(ge=4, le=1024 * 1024)] = MAX_BYTES // 1024
