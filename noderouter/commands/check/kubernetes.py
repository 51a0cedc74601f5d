"""Whether an API server can be reached, and which one it is."""

import json
import re
from typing import Final

from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.kubernetes.access import Plain
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError

OLDEST_MINOR: Final = 21
"""EndpointSlices are served since."""


async def check_server(api: Api) -> Finding:
    """Check the API server; nothing else about this API can be checked where it fails."""
    subject = f"kubernetes {api.access}"
    try:
        version = str(json.loads(await api.get("/version")).get("gitVersion", "?"))
    except ApiError as error:
        return fail(subject, error.reason, _hint(api, error))
    except (ValueError, AttributeError):
        return fail(subject, "what answers there is not a Kubernetes API", "see `host`, `port` and `kubeconfig`")
    found = re.match(r"v1\.(\d+)", version)
    if found and int(found[1]) < OLDEST_MINOR:
        return warn(subject, f"reached, {version}", "before 1.21 Endpoints are read in place of EndpointSlices")
    return ok(subject, f"reached, {version}")


def _hint(api: Api, error: ApiError) -> str:
    if error.refused:
        return "the credentials are not good (any more); in a pod, see automountServiceAccountToken"
    if api.access == Plain():
        return "outside of a pod give --kubeconfig, or run `kubectl proxy`"
    return "is the address right, and does a NetworkPolicy or firewall let us through?"
