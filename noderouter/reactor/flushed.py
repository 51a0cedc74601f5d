"""What gathers its output for the end of a round of the reactor."""


class Flushed:
    """What gathers its output, and sends it once for each round of the loop."""

    __slots__ = ()

    def flush(self) -> None:
        """Send what was gathered. Must not raise."""
        raise NotImplementedError
