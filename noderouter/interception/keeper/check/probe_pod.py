"""A probe pod: a process in a network namespace of its own, which dials what it is asked to and reports the
answer.

Run as `python -m noderouter.interception.keeper.check.probe_pod`, by `check`: it makes the namespace and says so; the
parent moves a link into it. Then it reads one JSON object a line and answers with one: `ip`, commands to set the link
up with; or `address`, `port` and `local`, a connection to make.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
from typing import Any

CLONE_NEWNET = 0x40000000
SECONDS = 3.0


def main() -> int:
    """Serve requests of the parent until it closes standard input."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        print(json.dumps({"error": os.strerror(ctypes.get_errno())}), flush=True)
        return 1
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_done(json.loads(line))), flush=True)
    return 0


def _done(request: dict[str, Any]) -> dict[str, str]:
    if "ip" in request:
        done = subprocess.run(["ip", "-batch", "-"], input=request["ip"], capture_output=True, text=True, check=False)
        return {"error": done.stderr.strip()} if done.returncode else {"said": ""}
    return _dial(request["local"], request["address"], request["port"])


def _dial(local: str, address: str, port: int) -> dict[str, str]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        try:
            sock.bind((local, 0))
            sock.connect((address, port))
            return {"said": sock.recv(256).decode("ascii", "replace")}
        except OSError as error:
            return {"error": str(error)}


if __name__ == "__main__":
    raise SystemExit(main())
