"""What this process runs with: its version, its Python, whether the data path is compiled, the pod's variables."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping

from noderouter import __version__, _compiled
from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.proxy.http1 import head
from noderouter.proxy.http2 import hpack

OLDEST = (3, 11)
SOURCES: Mapping[str, str] = {
    "NODE_NAME": "spec.nodeName",
    "POD_IP": "status.podIP",
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
}
"""Where a pod has it from (`valueFrom.fieldRef`)."""


def check_versions() -> Iterator[Finding]:
    """Yield a finding for each of them."""
    yield ok("noderouter", __version__)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info >= OLDEST:
        yield ok("python", python)
    else:
        yield fail("python", python, "noderouter needs Python 3.11 or later")
    yield part("data path", None if _compiled.compiled() else _compiled.why_not())
    yield part("head parser", None if head.COMPILED else "pure Python")
    yield part("HPACK", None if hpack.COMPILED else "pure Python")


def part(subject: str, why_not: str | None) -> Finding:
    """Return the finding about a part, which is compiled where there is no reason why not."""
    if why_not is None:
        return ok(subject, "compiled")
    hint = "install noderouter where a C compiler is, or from a wheel for this platform"
    return warn(subject, f"{why_not}: it works, and takes more CPU", hint)


def check_variables(needed: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each variable that the configuration needs. Outside of a pod none is expected."""
    in_pod = bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    for name, why in sorted(needed.items()):
        value = os.environ.get(name)
        subject = f"variable {name}"
        source = SOURCES.get(name, "metadata.namespace")
        hint = f"set it in the pod: valueFrom: {{fieldRef: {{fieldPath: {source}}}}}"
        if value:
            yield ok(subject, f"{value}, for {why}")
        elif in_pod:
            yield fail(subject, f"not set; {why} needs it", hint)
        else:
            yield warn(subject, f"not set, but this is no pod; {why} needs it there", hint)
