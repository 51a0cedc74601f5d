"""`helm test`: a router is ready, and says what becomes of a name. Needs nothing but the standard library.

Environment: ADMIN_URL, where an admin interface is; ROUTER and NAME, what to ask it (empty: readiness only); PATIENCE,
the seconds that a router may take to become ready.
"""

import json
import os
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen


def get(path: str) -> tuple[int, str]:
    """Status and body; status 0 where there is no answer, and then the body says why."""
    try:
        with urlopen(os.environ["ADMIN_URL"] + path, timeout=5) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (URLError, OSError) as error:
        return 0, str(error)


def main() -> int:
    """The exit code."""
    deadline = time.monotonic() + float(os.environ.get("PATIENCE", "60"))
    while (answer := get("/readyz?verbose"))[0] != 200:
        if time.monotonic() > deadline:
            print(f"not ready: {answer[0]} {answer[1]}", file=sys.stderr)
            return 1
        time.sleep(1)
    print(answer[1], end="")
    name = os.environ.get("NAME")
    if not name:
        return 0
    query = urlencode({"namespace": os.environ["ROUTER"], "path": name, "dtab": ""})
    status, body = get(f"/delegator.json?{query}")
    if status != 200:
        print(f"no delegation of {name}: {status} {body}", file=sys.stderr)
        return 1
    tree = json.loads(body)
    print(f"{name} is {tree['type']}")
    print(json.dumps(tree, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
