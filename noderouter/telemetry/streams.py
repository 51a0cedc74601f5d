"""What is counted about the HTTP/2 sessions of one server or one client: streams, and how they end early.

A stream costs two additions; what is seldom has counters that are made when needed, under names that the codec has.
"""

from noderouter.telemetry.seldom import Seldom


class StreamStats(Seldom):
    """Counts of streams, plain ints.

    Attributes:
        begun: streams that have begun an exchange; those that were refused before are among the resets.
        ended: those whose exchange is over.
        failures: those of `ended` that were reset or lost with their session, instead of coming to their end.
    """

    __slots__ = ("begun", "ended", "failures")

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.ended = 0
        self.failures = 0

    def __repr__(self) -> str:
        return f"<StreamStats open={self.open} begun={self.begun} failures={self.failures}>"

    @property
    def open(self) -> int:
        """Streams whose exchange is not over."""
        return self.begun - self.ended
