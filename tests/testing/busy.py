"""How long to wait on a machine that does other things, too.

A bound of a test tells what works from what does not: what is broken takes for ever, or a time-out longer. How long it
took is stated as a figure, and measured by `benchmarks`; a busy machine must not fail a test.
"""

from typing import Final

BUSY_SECONDS: Final = 25.0
"""What a busy machine may add to a time that has a bound."""

PATIENCE_SECONDS: Final = 5.0 + BUSY_SECONDS
"""How long to wait for what takes no time."""
