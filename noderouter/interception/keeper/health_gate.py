"""Does the router make progress? Being alive is not enough: a wedged router accepts and never answers.

What counts is that a new connection through the capture port is answered: the router's probe of itself, which takes the
way of every captured connection. Lag and a long queue do not count as long as it is: they come from load, which anybody
can make, and the router sheds then; everybody's connections would go past it because of one pod. A router that hangs
tells nothing, and one whose data path hangs tells of an old probe.

The limit belongs to the keeper, so that a router cannot talk itself into more. One bad answer costs nothing: the switch
runs on for `ALIVE_MS` after the last good one, and the router tells every half second.
"""

from typing import Final

from noderouter.interception.keeper.protocol import Progress

MAX_PROBE_AGE_MS: Final = 2000


def judge(progress: Progress) -> str:
    """Return why the switch is not renewed; empty if it is."""
    if progress.not_ready:
        return f"not ready: {progress.not_ready}"
    if progress.probe_age_ms >= MAX_PROBE_AGE_MS:
        return (
            f"no progress: the last probe that came back was {progress.probe_age_ms} ms ago "
            f"(the reactor lags {progress.reactor_lag_ms} ms, {progress.accept_queue} connections wait)"
        )
    return ""
