"""What the environment of the pod has to say."""

import os
from collections.abc import Iterator, Mapping

from noderouter.commands.check.finding import Finding, fail, ok, warn

SOURCES: Mapping[str, str] = {
    "NODE_NAME": "spec.nodeName",
    "POD_IP": "status.podIP",
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
}
"""Where a pod has it from (`valueFrom.fieldRef`)."""


def check_variables(needed: Mapping[str, str]) -> Iterator[Finding]:
    """One line for each variable that the configuration needs. Outside of a pod they are not to be expected."""
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
