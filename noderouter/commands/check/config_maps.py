"""Whether the dtabs in ConfigMaps are there, valid, and free of what can hardly be meant."""

import json

from dtab import Path
from dtab.lint import lint
from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import NOT_FOUND, ApiError
from noderouter.kubernetes.paths import configmaps
from noderouter.naming.interpreter.stored import DTAB
from noderouter.naming.stored.key import Key, NotText, Object, text_under
from noderouter.naming.stored.text import TextError


async def check_config_map(api: Api, key: Key, namers: list[Path]) -> Finding:
    """Check one ConfigMap. It is listed, as the router does it: the right to `get` may be missing."""
    subject = f"dtab {key}"
    found = await listed(api, key.namespace, key.name, subject)
    if isinstance(found, Finding):
        return found
    if found is None:
        hint = f"kubectl -n {key.namespace} create configmap {key.name} --from-file={key.filename}=FILE"
        return warn(subject, "there is no such ConfigMap: an empty dtab is in effect", hint)
    return judged(key, found, namers)


async def listed(api: Api, namespace: str, name: str, subject: str) -> Object | Finding | None:
    """Return a ConfigMap, None where there is none, or why that cannot be known."""
    try:
        path = configmaps(namespace).path
        found = json.loads(await api.get(path, {"fieldSelector": f"metadata.name={name}"})).get("items") or []
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        return fail(subject, error.reason, "see the lines about rights")
    except (ValueError, AttributeError):
        return fail(subject, "the answer is not a list of ConfigMaps", "does something stand between us and the API?")
    first: Object | None = found[0] if found else None
    return first


def judged(key: Key, thing: Object, namers: list[Path]) -> Finding:
    """Return the finding about a ConfigMap that is there."""
    subject = f"dtab {key}"
    mend = "the router keeps the last good one; kubectl edit it"
    try:
        text = text_under(thing, key.filename)
    except NotText as error:
        return fail(subject, str(error), mend)
    if text is None:
        there = ", ".join(sorted(thing.get("data") or {})) or "none"
        return warn(subject, "the ConfigMap has no such key: an empty dtab is in effect", f"its keys: {there}")
    dtab = DTAB.read(text.encode("utf-8", "surrogatepass"))
    if isinstance(dtab, TextError):
        return fail(subject, str(dtab), mend)
    findings = lint(text, namers)
    said = f"valid, {len(dtab)} entries, hash {DTAB.hash(dtab)}"
    if not findings:
        return ok(subject, said)
    return warn(subject, said, "; ".join(str(finding) for finding in findings[:10]))
