"""`helm uninstall`: what has to be through before the rest of the release is taken away.

    end     delete the routers' DaemonSet, and wait until its pods have ended: meanwhile they need their dtab and rights
    gone    wait until a DaemonSet has a ready pod on each node: the node's rules are gone then

Needs nothing but the standard library. Environment: ACTION; NAMESPACE and DAEMONSET; PATIENCE, the seconds that it may
take; KUBERNETES_SERVICE_*, as every pod has it.
"""

import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NOT_FOUND = 404


def ask(method: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """The DaemonSet, as the API has it; None if there is none.

    Raises:
        HTTPError, URLError, OSError, ValueError: there is no such answer.
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    path = f"/apis/apps/v1/namespaces/{os.environ['NAMESPACE']}/daemonsets/{os.environ['DAEMONSET']}"
    token = (ACCOUNT / "token").read_text().strip()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    data = json.dumps(body).encode() if body else None
    request = Request(f"https://{host}:{port}{path}", data, headers, method=method)
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        with urlopen(request, timeout=5, context=trust) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except HTTPError as error:
        if error.code == NOT_FOUND:
            return None
        raise


def end() -> tuple[bool, str]:
    """Whether the routers have ended, and how far it is. It goes when its pods have gone."""
    found = ask("GET")
    if found is None:
        return True, "the routers have ended"
    if "deletionTimestamp" not in found["metadata"]:
        ask("DELETE", {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"})
    return False, "the routers are ending"


def gone() -> tuple[bool, str]:
    """Whether the rules of all nodes are gone, and how far it is."""
    found = ask("GET")
    if found is None:
        return False, "the pods that remove the rules are not asked for yet"
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return False, "the pods that remove the rules are not made yet"
    done, nodes = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    return done >= nodes, f"the rules are gone from {done} of {nodes} nodes"


def main() -> int:
    """The exit code."""
    step = {"end": end, "gone": gone}[os.environ["ACTION"]]
    deadline = time.monotonic() + float(os.environ["PATIENCE"])
    said = ""
    while True:
        try:
            done, words = step()
        except (HTTPError, URLError, OSError, ValueError) as error:
            done, words = False, f"the API does not answer: {error}"
        if words != said:
            print(words, flush=True)
            said = words
        if done:
            return 0
        if time.monotonic() > deadline:
            print("this takes too long; on nodes that are down, `noderouter intercept remove` when they are back")
            return 1
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
