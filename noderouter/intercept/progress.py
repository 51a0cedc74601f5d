"""Is the router good enough to be given connections? Being alive is not: a wedged router accepts and never answers.

The limits belong to the keeper, so that a router cannot talk itself into more. One bad answer costs nothing: the switch
runs on for `ALIVE_MS` after the last good one, and the router tells every half second.
"""

from typing import Final

from noderouter.intercept.protocol import Progress

MAX_LAG_MS: Final = 1000
MAX_PROBE_MS: Final = 500
MAX_PROBE_AGE_MS: Final = 2000


def judge(progress: Progress) -> str:
    """Why the switch is not renewed; empty if it is."""
    if progress.not_ready:
        return f"not ready: {progress.not_ready}"
    if progress.reactor_lag_ms >= MAX_LAG_MS:
        return f"the reactor lags {progress.reactor_lag_ms} ms behind"
    if progress.accept_queue > 0 and progress.accept_queue * 2 >= progress.accept_backlog:
        return f"{progress.accept_queue} connections wait to be accepted, of {progress.accept_backlog} that may"
    if progress.probe_age_ms >= MAX_PROBE_AGE_MS:
        return f"the last probe that came back was {progress.probe_age_ms} ms ago"
    if progress.probe_ms >= MAX_PROBE_MS:
        return f"the probe took {progress.probe_ms} ms"
    return ""
