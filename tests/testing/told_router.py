"""A router for interception tests, as a process of its own that can be killed: listens, and tells the keeper.

Run as `python -m tests.testing.told_router SOCKET [NAME]`, in the node's namespace. Says `ready` once it is armed, then
goes on until it is killed. A line on standard input changes something: `disarm` tells the keeper to stop capturing,
`lag` says from then on that the reactor lags and much waits, `stuck` that no probe comes back.
"""

import select
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from noderouter.interception.keeper.client import BlockingKeeperClient
from noderouter.interception.keeper.errors import InterceptError
from tests.testing.intercept_state import GOOD, PODS, SERVICES
from tests.testing.pod_network import CAPTURE_PORT, Server

TELL_SECONDS = 0.5


def main() -> int:
    """Tell until the end."""
    for address in ("0.0.0.0", "::"):
        Server(sys.argv[2] if len(sys.argv) > 2 else "router", address, CAPTURE_PORT)
    client = _connected(Path(sys.argv[1]))
    client.hello("told-router")
    client.pods(1, PODS)
    client.services(1, SERVICES)
    progress, said = GOOD, False
    while True:
        armed = client.progress(progress)["armed"]
        if armed and not said:
            said = True
            print("ready", flush=True)
        readable, _, _ = select.select([sys.stdin], [], [], TELL_SECONDS)
        if readable:
            match sys.stdin.readline().strip():
                case "disarm":
                    print(client.disarm()["type"], flush=True)
                    progress = replace(progress, not_ready="draining")
                case "lag":
                    progress = replace(progress, reactor_lag_ms=1500, accept_queue=4000, probe_ms=4000)
                case "stuck":
                    progress = replace(progress, probe_age_ms=5000)
                case "":
                    return 0


def _connected(path: Path) -> BlockingKeeperClient:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(InterceptError):
            return BlockingKeeperClient(path)
        time.sleep(0.02)
    raise SystemExit("no keeper")


if __name__ == "__main__":
    raise SystemExit(main())
