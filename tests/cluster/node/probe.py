"""A container's probes: startup first, then liveness and readiness side by side."""

from collections.abc import Callable

import trio

from tests.cluster.node.action import Target, act
from tests.cluster.node.api import Object


async def attempt(probe: Object, target: Target) -> str:
    """One try; an empty string is success."""
    with trio.move_on_after(probe.get("timeoutSeconds", 1)):
        return await act(probe, target)
    return f"no answer within {probe.get('timeoutSeconds', 1)} s"


async def watch(probe: Object, target: Target, changed: Callable[[bool, str], None]) -> None:
    """Try for ever; `changed` is told each verdict that differs from the one before.

    A verdict takes as many equal results in a row as the probe's thresholds say. The first is told, whichever it is.
    """
    await trio.sleep(probe.get("initialDelaySeconds", 0))
    verdict: bool | None = None
    last, row = None, 0
    while True:
        problem = await attempt(probe, target)
        good = not problem
        row = row + 1 if good is last else 1
        last = good
        needed = probe.get("successThreshold", 1) if good else probe.get("failureThreshold", 3)
        if good is not verdict and row >= needed:
            verdict = good
            changed(good, problem)
        await trio.sleep(probe.get("periodSeconds", 10))
