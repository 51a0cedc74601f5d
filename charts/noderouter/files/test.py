"""`helm test`: a router is ready, shows metrics, and says what becomes of a name. Needs the standard library only.

Environment: PROBES_URL, where a router's port for probes is; METRICS, the path of the exposition there (empty: not
asked for); ADMIN_URL, where its admin interface is, with ROUTER and NAME, what to ask it (empty: nothing, the
interface is on loopback, or wants certificates of clients), ADMIN_TOKEN, where it wants one (the first line counts),
and ADMIN_CERTIFICATE, where it speaks TLS: the file with the certificate that it has to show, whatever name that is
for; PATIENCE, the seconds that a router may take to become ready.
"""

import json
import os
import ssl
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

END = "-----END CERTIFICATE-----"


def get(url: str, token: str = "", tls: ssl.SSLContext | None = None) -> tuple[int, str]:
    """Status and body; status 0 where there is no answer, and then the body says why."""
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=5, context=tls) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (URLError, OSError) as error:
        return 0, str(error)


def trusting(path: str) -> ssl.SSLContext:
    """Trusts the first certificate of a file and no other: not whoever else has one of its authority."""
    with open(path, encoding="ascii") as file:
        certificate = file.read().partition(END)[0] + END + "\n"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def main() -> int:
    """The exit code."""
    deadline = time.monotonic() + float(os.environ.get("PATIENCE", "60"))
    probes = os.environ["PROBES_URL"]
    while (answer := get(f"{probes}/readyz?verbose"))[0] != 200:
        if time.monotonic() > deadline:
            print(f"not ready: {answer[0]} {answer[1]}", file=sys.stderr)
            return 1
        time.sleep(1)
    print(answer[1], end="")
    path = os.environ.get("METRICS")
    if path:
        status, body = get(probes + path)
        if status != 200 or "# TYPE " not in body:
            print(f"no metrics at {path}: {status} {body[:200]}", file=sys.stderr)
            return 1
        print(f"{body.count('# TYPE ')} metrics")
    name = os.environ.get("NAME")
    if not name:
        return 0
    query = urlencode({"namespace": os.environ["ROUTER"], "path": name, "dtab": ""})
    token = os.environ.get("ADMIN_TOKEN", "").strip().partition("\n")[0].strip()
    certificate = os.environ.get("ADMIN_CERTIFICATE")
    tls = trusting(certificate) if certificate else None
    status, body = get(f"{os.environ['ADMIN_URL']}/delegator.json?{query}", token, tls)
    if status != 200:
        print(f"no delegation of {name}: {status} {body}", file=sys.stderr)
        return 1
    tree = json.loads(body)
    print(f"{name} is {tree['type']}")
    print(json.dumps(tree, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
