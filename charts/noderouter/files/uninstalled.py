"""The end of `helm uninstall`: waits until every node's rules are gone, and says so if some are not.

Each pod of the DaemonSet is ready when the rules of its node have been removed. Needs nothing but the standard library.

Environment: NAMESPACE and DAEMONSET; PATIENCE, the seconds that it may take; KUBERNETES_SERVICE_*, as every pod has it.
"""

import json
import os
import ssl
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def daemonset() -> dict[str, dict[str, int]]:
    """The DaemonSet, as the API has it."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    path = f"/apis/apps/v1/namespaces/{os.environ['NAMESPACE']}/daemonsets/{os.environ['DAEMONSET']}"
    token = (ACCOUNT / "token").read_text().strip()
    request = Request(f"https://{host}:{port}{path}", headers={"authorization": f"Bearer {token}"})
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urlopen(request, timeout=5, context=trust) as response:
        found: dict[str, dict[str, int]] = json.load(response)
    return found


def progress() -> tuple[bool, str]:
    """Whether all nodes are done, and how far it is."""
    try:
        found = daemonset()
    except HTTPError as error:
        return False, f"the API answers {error.code}"
    except (URLError, OSError, ValueError) as error:
        return False, str(error)
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return False, "the pods are not made yet"
    done, nodes = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    return done >= nodes, f"the rules are gone from {done} of {nodes} nodes"


def main() -> int:
    """The exit code."""
    deadline = time.monotonic() + float(os.environ["PATIENCE"])
    said = ""
    while True:
        done, words = progress()
        if words != said:
            print(words, flush=True)
            said = words
        if done:
            return 0
        if time.monotonic() > deadline:
            print("on the others connections are refused until `noderouter intercept remove` has run", flush=True)
            return 1
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
