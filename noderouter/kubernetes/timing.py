"""How patient we are with the API. All in seconds; tests make them shorter."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Timing:
    """Timeouts and pauses."""

    connect: float = 5.0
    answer: float = 30.0
    """Until an answer begins, and between two pieces of it."""
    silence: float = 100.0
    """A watch on which nothing came for so long is dead. The API sends a bookmark about once a minute."""
    watch: float = 300.0
    """How long the server should let a watch run: up to twice this, drawn anew each time, so that watches spread."""
    first_pause: float = 0.02
    longest_pause: float = 5.0
    steady: float = 1.0
    """A watch that lived this long, or delivered anything, was no failure."""
    patience: float = 5.0
    """How long the API may be away before names that were never known fail, instead of being awaited."""
    linger: float = 30.0
    """How long something stays watched that is no longer needed."""


class Pauses:
    """Exponential back-off with jitter: from `first_pause` up to `longest_pause`, for ever.

    Each pause is drawn between a half and the whole of its step, and never shorter than what the server asked for
    (`Retry-After`, which itself counts up to twelve times `longest_pause`).
    """

    def __init__(self, timing: Timing, rng: Random) -> None:
        self._timing = timing
        self._rng = rng
        self._step = 0.0

    def next(self, retry_after: float | None = None) -> float:
        """Return the next pause."""
        timing = self._timing
        self._step = min(timing.longest_pause, max(timing.first_pause, self._step * 2))
        pause = self._step * (0.5 + self._rng.random() / 2)
        if retry_after is None:
            return pause
        asked = min(retry_after, 12 * timing.longest_pause)
        # Everybody was told the same number: spread behind it.
        return max(pause, asked * (1 + self._rng.random() / 4))

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._step = 0.0
